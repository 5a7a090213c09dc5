"""The part of a plan that is about recognisers: what ``--asr`` asks for, and how texts are compared."""

from dataclasses import replace
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.asr.option import WHISPER_KINDS, AsrSpec, parse_asr
from espnet_tse.scoring.asr.whisper_text import PACKAGE
from espnet_tse.scoring.asr.whisper_weights import locate
from espnet_tse.scoring.measure.registry import MEASURES
from espnet_tse.scoring.measure.weight_files import Places
from espnet_tse.scoring.measure.weights import missing_parts, package_version


def plan_recognisers(
    options: tuple[str, ...], decode: str, model_dir: Path | None
) -> tuple[tuple[AsrSpec, ...], dict[str, str]]:
    """Recognisers that can run, with their weights found, and why the others cannot (tag -> reason).

    Args:
        options: values of ``--asr``.
        decode: "strict" or "paper", where an option names neither.
    Raises:
        DataError: a malformed option, or two recognisers of one tag.
    """
    try:
        specs = [parse_asr(option, decode) for option in options]
    except ValueError as error:
        raise DataError(str(error)) from None
    tags = [spec.tag for spec in specs]
    twice = sorted({tag for tag in tags if tags.count(tag) > 1})
    if twice:
        raise DataError(f"--asr: two recognisers named {', '.join(twice)}; name one by :tag=<another name>.")
    found, lacking = [], {}
    for spec in specs:
        try:
            found.append(_ready(spec, model_dir))
        except DataError as error:
            lacking[spec.tag] = str(error)
    return tuple(found), lacking


def _ready(spec: AsrSpec, model_dir: Path | None) -> AsrSpec:
    if spec.kind == "external":
        return spec
    lacks = missing_parts(MEASURES[spec.kind], Places(model_dir))
    if lacks:
        raise DataError(f"--asr {spec.kind}: {'; '.join(lacks)}")
    if spec.grammar is not None and not spec.grammar.is_file():
        raise DataError(f"--asr {spec.kind}:{spec.grammar}: no such grammar file (JSGF); fix the path.")
    return spec if spec.weights is None else replace(spec, weights=locate(spec, model_dir))


def choose_normaliser(text_norm: str, specs: tuple[AsrSpec, ...]) -> str:
    """``--text_norm``, "auto" being Whisper's own for Whisper recognisers and ``basic`` otherwise.

    One normaliser for all columns: rows of one table must not differ in it.

    Raises:
        DataError: Whisper's are asked for and openai-whisper is not installed.
    """
    whispers = [spec for spec in specs if spec.kind in WHISPER_KINDS]
    if text_norm == "auto":
        english = all(spec.language == "en" for spec in whispers)
        text_norm = ("whisper_en" if english else "whisper_basic") if whispers else "basic"
    if text_norm.startswith("whisper") and package_version(PACKAGE) is None:
        raise DataError(
            f"--text_norm {text_norm}: package '{PACKAGE}' is not installed (pip install -e '.[score-asr]'); or pass "
            "--text_norm basic."
        )
    return text_norm

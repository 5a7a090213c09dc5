"""From command-line options to a checked plan: every configuration error shows before any scoring starts."""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from espnet_tse.schema.scp import DataError, read_scp
from espnet_tse.scoring.asr import AsrSpec
from espnet_tse.scoring.audio import RATE, AudioError, probe, refuse_pipe
from espnet_tse.scoring.identity import describe, describe_recogniser
from espnet_tse.scoring.job import Utterance, WorkerPlan
from espnet_tse.scoring.metric_cards import needed_measure
from espnet_tse.scoring.plan_asr import choose_normaliser, plan_recognisers
from espnet_tse.scoring.presets import DEFAULTS, PRESETS
from espnet_tse.scoring.registry import MEASURES, METRICS
from espnet_tse.scoring.text import NORMALISERS, RATES, read_text
from espnet_tse.scoring.weight_files import Places
from espnet_tse.scoring.weights import find_weight, missing_parts

log = logging.getLogger("espnet_tse.scoring")

SHOWN = 5  # keys named in an error


@dataclass(frozen=True)
class ScoringOptions:
    """What the user asked for; fields are the command-line options of ``score``.

    "" stands for what the preset says (``with_preset``).
    """

    inf_scp: Path
    output_dir: Path
    ref_scp: Path | None = None
    mix_scp: Path | None = None
    enroll_scp: Path | None = None
    intf_scp: tuple[Path, ...] = ()
    text: Path | None = None
    utt2spk: Path | None = None
    preset: str = "offline"
    metrics: str = ""
    asr: tuple[str, ...] = ()
    text_norm: str = ""
    unit: str = ""
    length: str = ""
    align: str = ""
    level: str = ""
    missing: str = "error"
    ref_channel: int = 0
    allow_upsample: bool = False
    skip_unavailable: bool = False
    model_dir: Path | None = None
    dnsmos_dir: Path | None = None
    ci_unit: str = "utt"
    system: str = ""
    test_set: str = ""
    cache_dir: Path | None = None
    resume: bool = True
    nj: int = 1
    force: bool = False

    @property
    def places(self) -> Places:
        """Where weights are looked for."""
        return Places(self.model_dir, self.dnsmos_dir)


@dataclass(frozen=True)
class ScoringPlan:
    """Everything known before the first file is scored."""

    options: ScoringOptions  # with the preset's defaults filled in
    utterances: tuple[Utterance, ...]  # in byte order of their keys
    worker: WorkerPlan
    asr: tuple[AsrSpec, ...]
    external: dict[str, dict[str, dict[str, str]]]  # tag -> {"estimate"/"target": {key: words}}
    text: dict[str, str]
    speakers: dict[str, str]
    not_available: dict[str, str]  # column -> why
    measures: dict[str, dict]  # identity of every measure used, as written into the results
    signature: str
    low_band: bool = False
    overrides: dict[str, str] = field(default_factory=dict)  # options that go against the preset
    notes: list[str] = field(default_factory=list)


def with_preset(options: ScoringOptions) -> tuple[ScoringOptions, dict[str, str]]:
    """Fill in the preset's defaults; also tells which options the user set against them.

    Raises:
        DataError: unknown preset.
    """
    if options.preset not in PRESETS:
        raise DataError(f"--preset {options.preset}: unknown; known: {', '.join(PRESETS)}.")
    preset = PRESETS[options.preset]
    defaults = DEFAULTS | preset.options
    given = {name: getattr(options, name) for name in defaults if getattr(options, name)}
    overrides = {name: value for name, value in given.items() if value != defaults[name]}
    if preset.asr and options.asr and options.asr != preset.asr:
        overrides["asr"] = " ".join(options.asr)
    comparable = options.ref_scp or options.text
    asr = tuple(option for option in options.asr or (preset.asr if comparable else ()) if option != "none")
    return replace(options, asr=asr, **(defaults | given)), overrides


def select_metrics(preset: str, metrics: str) -> tuple[tuple[str, ...], set[str]]:
    """Names to compute and those among them that were asked for by name.

    ``metrics``: "a,b" replaces the preset, "+a,-b" changes it.

    Raises:
        DataError: unknown metric, or both forms mixed.
    """
    items = [item.strip() for item in metrics.split(",") if item.strip()]
    changes = [item for item in items if item[0] in "+-"]
    if changes and len(changes) != len(items):
        raise DataError(
            f"--metrics {metrics}: either plain names (replace the preset) or +name/-name, not both."
        )
    names = list(PRESETS[preset].metrics) if changes or not items else []
    explicit = set()
    for item in items:
        name = item.lstrip("+-")
        if name not in METRICS:
            from difflib import get_close_matches

            near = get_close_matches(name, METRICS, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            raise DataError(f"--metrics: unknown metric '{name}'{hint}; --list_metrics names them all.")
        if item.startswith("-"):
            names = [n for n in names if n != name]
        else:
            explicit.add(name)
            names += [name] if name not in names else []
    # The registry's order is the order of the columns.
    return tuple(n for n in METRICS if n in names), explicit


def _some(keys: list[str]) -> str:
    shown = ", ".join(sorted(keys)[:SHOWN])
    return shown + (f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else "")


def _read_entries(path: Path) -> dict[str, str]:
    entries = read_scp(path)
    for key, entry in entries.items():
        try:
            refuse_pipe(entry, f"{path}, key '{key}'")
        except AudioError as error:
            raise DataError(str(error)) from None
        if entry.startswith("*"):
            raise DataError(
                f"{path}: key '{key}' is a dynamic enrollment ('{entry}'); scoring needs a fixed file."
            )
    return entries


def _collect_utterances(options: ScoringOptions) -> tuple[list[Utterance], bool]:
    """Pair all inputs by key; also tells whether any estimate or target is below 16 kHz."""
    inf = _read_entries(options.inf_scp)
    ref = _read_entries(options.ref_scp) if options.ref_scp else None
    keys = sorted(ref if ref is not None else inf, key=lambda key: key.encode("utf-8"))
    if not keys:
        raise DataError(f"{options.ref_scp or options.inf_scp}: holds no utterance.")
    lacking = [key for key in keys if key not in inf]
    if lacking and options.missing == "error":
        raise DataError(
            f"{options.inf_scp}: lacks {len(lacking)} of {len(keys)} keys of {options.ref_scp}: "
            f"{_some(lacking)}. Decode them, or pass --missing penalize to score them as failures."
        )
    if lacking:
        log.warning(
            "%d of %d estimates are missing and get the penalties: %s",
            len(lacking),
            len(keys),
            _some(lacking),
        )
    extra = [key for key in inf if ref is not None and key not in ref]
    if extra:
        log.warning(
            "%d keys of %s are not in %s; ignored: %s",
            len(extra),
            options.inf_scp,
            options.ref_scp,
            _some(extra),
        )
    others = {}
    for name, path in (("mix", options.mix_scp), ("enroll", options.enroll_scp)):
        others[name] = _read_entries(path) if path else None
        without = [key for key in keys if path and key not in others[name]]
        if without:
            raise DataError(f"{path}: lacks {len(without)} of {len(keys)} keys to score: {_some(without)}.")
    interferers = [_read_entries(path) for path in options.intf_scp]
    without = [key for key in keys if interferers and not any(key in scp for scp in interferers)]
    if without:
        raise DataError(
            f"--intf_scp: no interferer for {len(without)} of {len(keys)} keys: {_some(without)}."
        )

    utterances, low_band = [], False
    for key in keys:
        headers = [probe(scp[key]) for scp in (inf, ref) if scp is not None and key in scp]
        known = [header for header in headers if header is not None]
        low_band = low_band or any(rate < RATE for _, rate in known)
        utterances.append(
            Utterance(
                key,
                inf.get(key),
                ref[key] if ref is not None else None,
                *(others[name][key] if others[name] is not None else None for name in ("mix", "enroll")),
                tuple(scp[key] for scp in interferers if key in scp),
                max((duration for duration, _ in known), default=0.0),
            )
        )
    return utterances, low_band


def _drop_impossible(
    names: tuple[str, ...], explicit: set[str], options: ScoringOptions, low_band: bool, deaf: dict[str, str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Metrics that can be computed, and why the others cannot; asked for by name, that is an error.

    ``deaf``: tags of recognisers that cannot run, with the reason.
    """
    given = {
        "inf": True,
        "ref": options.ref_scp is not None,
        "mix": options.mix_scp is not None,
        "enroll": options.enroll_scp is not None,
        "intf": bool(options.intf_scp),
    }
    if low_band and not options.allow_upsample and "pesq" in names:
        names = tuple(n for n in METRICS if n in (set(names) - {"pesq"}) | {"pesq_nb"})
    reasons = {f"{RATES[options.unit]}_{tag}": reason for tag, reason in deaf.items()}
    errors = (
        []
        if options.skip_unavailable
        else [f"{reason}, or pass --skip_unavailable" for reason in deaf.values()]
    )
    for name in names:
        card = METRICS[name]
        absent = [f"--{role}_scp" for role in card.inputs if not given[role]]
        blind = card.unit == "MOS" and low_band and not options.allow_upsample
        lacking = missing_parts(MEASURES[needed_measure(card)], options.places)
        if absent:
            reasons[name] = f"needs {' and '.join(absent)}"
        elif blind:
            reasons[name] = "data below 16 kHz (--allow_upsample computes it all the same)"
        elif lacking:
            reasons[name] = "; ".join(lacking)
            if not options.skip_unavailable and name not in explicit:
                errors.append(f"{name}: {reasons[name]}, or pass --skip_unavailable")
        if name in reasons and name in explicit:
            errors.append(f"{name} was asked for by name but {reasons[name]}")
    if errors:
        raise DataError("cannot score:\n  " + "\n  ".join(errors))
    for reason in sorted(set(reasons.values())):
        log.info("n/a: %s (%s)", ", ".join(n for n, r in reasons.items() if r == reason), reason)
    return tuple(n for n in names if n not in reasons), reasons


def _measures_used(names: tuple[str, ...]) -> list[str]:
    used = {METRICS[name].measure for name in names}
    needs = {"si_sdr_i": "si_sdr", "fail_rate": "si_sdr", "sdr_i": "sdr", "conf_rate": "resemblyzer"}
    used |= {needs[name] for name in names if name in needs}
    return [name for name in MEASURES if name in used]


def _check_texts(
    options: ScoringOptions, specs: tuple[AsrSpec, ...], utterances: list[Utterance]
) -> tuple[dict[str, str], dict[str, dict[str, dict[str, str]]]]:
    text = read_text(options.text) if options.text else {}
    lacking = [u.key for u in utterances if options.text and u.key not in text]
    if lacking:
        raise DataError(f"{options.text}: lacks {len(lacking)} of {len(utterances)} keys: {_some(lacking)}.")
    if options.text and not specs:
        log.info("n/a: wer (--text is given but no --asr; e.g. --asr external:<text>)")
    durations = sum(u.duration_s for u in utterances)
    words = sum(len(text[u.key].split()) for u in utterances) if text else 0
    if durations and words / durations > 6:
        log.warning(
            "%s holds %.1f words a second: if the audio was cut (LibriMix 'min' mode) but not the text, WER "
            "counts the missing words as deletions; use dwer or a trimmed text.",
            options.text,
            words / durations,
        )
    external: dict[str, dict[str, dict[str, str]]] = {}
    for spec in specs:
        if spec.kind == "external":
            external[spec.tag] = {"estimate": read_text(spec.estimate_text)}
            if spec.target_text:
                external[spec.tag]["target"] = read_text(spec.target_text)
                without = [u.key for u in utterances if u.key not in external[spec.tag]["target"]]
                if without:
                    raise DataError(f"{spec.target_text}: lacks {len(without)} keys: {_some(without)}.")
            elif not options.text:
                raise DataError(
                    f"--asr external:{spec.estimate_text}: needs --text (for wer) or a second file after a "
                    "comma, the same recogniser's text of the clean targets (for dwer)."
                )
    return text, external


def _check_options(options: ScoringOptions) -> None:
    level = options.level.removeprefix("rms:")
    number = level.lstrip("-").replace(".", "", 1).isdigit()
    if options.level not in ("none", "peak") and not (options.level.startswith("rms:") and number):
        raise DataError(f"--level {options.level}: use none, peak or rms:<dBFS>, e.g. rms:-26.")
    for name, allowed in (
        ("length", ("ref", "min", "strict")),
        ("align", ("none", "xcorr")),
        ("missing", ("error", "penalize")),
        ("ci_unit", ("utt", "spk")),
        ("text_norm", ("auto", *NORMALISERS)),
        ("unit", tuple(RATES)),
    ):
        value = getattr(options, name)
        if value not in allowed:
            raise DataError(f"--{name} {value}: use one of {', '.join(allowed)}.")
    if options.ci_unit == "spk" and not options.utt2spk:
        raise DataError("--ci_unit spk resamples target speakers: give --utt2spk (key -> target speaker).")
    if options.nj < 1:
        raise DataError(f"--nj {options.nj}: at least 1.")
    if options.align != "none" and not options.ref_scp:
        raise DataError("--align xcorr aligns with the target: give --ref_scp.")


def make_plan(options: ScoringOptions) -> ScoringPlan:
    """Read the lists, check everything that can be checked without decoding audio.

    Raises:
        DataError: with file, key and the way to mend it.
    """
    options, overrides = with_preset(options)
    _check_options(options)
    specs, deaf = plan_recognisers(options.asr, PRESETS[options.preset].decode, options.model_dir)
    recognisers = tuple(spec for spec in specs if spec.kind != "external")
    if recognisers and not (options.ref_scp or options.text):
        raise DataError(f"--asr {recognisers[0].kind}: needs --text (for wer) or --ref_scp (for dwer).")
    options = replace(options, text_norm=choose_normaliser(options.text_norm, specs))
    names, explicit = select_metrics(options.preset, options.metrics)
    utterances, low_band = _collect_utterances(options)
    names, not_available = _drop_impossible(names, explicit, options, low_band, deaf)
    speakers = read_scp(options.utt2spk) if options.utt2spk else {}
    lacking = [u.key for u in utterances if options.utt2spk and u.key not in speakers]
    if lacking:
        raise DataError(
            f"{options.utt2spk}: lacks {len(lacking)} of {len(utterances)} keys: {_some(lacking)}."
        )
    text, external = _check_texts(options, specs, utterances)

    places = options.places
    measures = {name: describe(MEASURES[name], places) for name in _measures_used(names)}
    weights = {weight: find_weight(weight, places) for name in measures for weight in MEASURES[name].weights}
    identities = {name: json.dumps([name, part], sort_keys=True) for name, part in measures.items()}
    for spec in recognisers:
        # Texts are cached by what makes them, not by the name of their column.
        measures[spec.measure] = describe_recogniser(spec, places)
        identities[spec.measure] = json.dumps([spec.kind, measures[spec.measure]], sort_keys=True)
    estimate_cache = options.output_dir / ".cache"
    policies = {name: getattr(options, name) for name in ("length", "align", "level", "ref_channel")}
    texts = {"text_norm": options.text_norm, "unit": options.unit, "asr": [spec.tag for spec in specs]}
    signed = {**policies, **texts, "measures": measures}
    return ScoringPlan(
        options=options,
        utterances=tuple(utterances),
        worker=WorkerPlan(
            metrics=names,
            recognisers=recognisers,
            **policies,
            identities=identities,
            weights=weights,
            estimate_cache=estimate_cache,
            reference_cache=options.cache_dir or estimate_cache,
        ),
        asr=specs,
        external=external,
        text=text,
        speakers=speakers,
        not_available=not_available,
        measures=measures,
        signature=hashlib.sha1(json.dumps(signed, sort_keys=True).encode()).hexdigest(),
        low_band=low_band,
        overrides=overrides,
    )


def plain_options(options: ScoringOptions) -> dict:
    """Options as JSON values, without those that cannot change a result."""
    ignored = ("nj", "cache_dir", "resume", "output_dir", "system", "test_set", "model_dir")
    content = {k: v for k, v in asdict(options).items() if k not in ignored}
    return {
        k: [str(x) for x in v] if isinstance(v, tuple) else str(v) if isinstance(v, Path) else v
        for k, v in content.items()
    }

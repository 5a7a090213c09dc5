"""From command-line options to a checked plan: every configuration error shows before any scoring starts."""

import hashlib
import json
import logging
from dataclasses import dataclass, field, replace

from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.scoring.asr.option import AsrSpec
from espnet_tse.scoring.asr.text import NORMALISERS, RATES, read_text
from espnet_tse.scoring.measure.registry import MEASURES, METRICS, SPEAKER_MODELS
from espnet_tse.scoring.measure.weights import find_weight, missing_parts
from espnet_tse.scoring.run.annotations import gender_pairs, interferer_texts, real_time_factors
from espnet_tse.scoring.run.external_scores import ExternalScores, read_external
from espnet_tse.scoring.run.identity import describe, describe_recogniser
from espnet_tse.scoring.run.job import Utterance, WorkerPlan
from espnet_tse.scoring.run.metric_cards import needed_measure
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.pairing import SILENT, pair_inputs
from espnet_tse.scoring.run.plan_asr import choose_normaliser, plan_recognisers
from espnet_tse.scoring.run.presets import DEFAULTS, PRESETS
from espnet_tse.scoring.run.shown_keys import some

log = logging.getLogger("espnet_tse.scoring")


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
    genders: dict[str, str]  # key -> pair of genders, where both are known
    interferer_text: dict[str, str]  # key -> words of all interferers
    scores: dict[str, ExternalScores]  # column -> values from a file
    not_available: dict[str, str]  # column -> why
    measures: dict[str, dict]  # identity of every measure used, as written into the results
    signature: str
    low_band: bool = False
    overrides: dict[str, str] = field(default_factory=dict)  # options that go against the preset


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


_OPTION = {"absent": "--absent", "utt2rtf": "--utt2rtf"}


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
        "absent": bool(options.absent),
        "utt2rtf": options.utt2rtf is not None,
    }
    unmissed: dict[str, str] = {}
    if not options.absent:  # nobody misses what is about absent targets: told, but not in the results
        unmissed = {n: "needs --absent" for n in names if METRICS[n].when == "absent" and n not in explicit}
        names = tuple(n for n in names if n not in unmissed)
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
        absent = [_OPTION.get(role, f"--{role}_scp") for role in card.inputs if not given[role]]
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
    columns: dict[str, list[str]] = {}  # by reason
    for name, reason in (reasons | unmissed).items():
        columns.setdefault(reason, []).append(name)
    if columns:
        log.info("n/a: %s", "; ".join(f"{', '.join(same)} ({reason})" for reason, same in columns.items()))
    return tuple(n for n in names if n not in reasons), reasons


def _measures_used(names: tuple[str, ...], speaker_model: str) -> list[str]:
    """All that is computed: si_sdr and overlap also to describe the data and to find oracles."""
    used = {METRICS[name].measure for name in names} | {"si_sdr", "overlap"}
    used |= {"sdr"} & {name.removesuffix("_i") for name in names}
    used |= {speaker_model} if "confusion" in used else set()
    # What the decoding noted is no part of how a result was scored.
    return [name for name in MEASURES if name in used - {"decoding_time"}]


def _best_speaker_model(names: tuple[str, ...]) -> str:
    """The most trusted speaker model whose similarity is scored anyway, else the one that needs no download."""
    used = {METRICS[name].measure for name in names}
    return next((model for model in SPEAKER_MODELS if model in used), SPEAKER_MODELS[-1])


def _check_texts(
    options: ScoringOptions, specs: tuple[AsrSpec, ...], utterances: list[Utterance]
) -> tuple[dict[str, str], dict[str, dict[str, dict[str, str]]]]:
    text = read_text(options.text) if options.text else {}
    lacking = [u.key for u in utterances if options.text and u.key not in text and not u.target_absent]
    if lacking:
        raise DataError(f"{options.text}: lacks {len(lacking)} of {len(utterances)} keys: {some(lacking)}.")
    if options.text and not specs:
        log.info("n/a: wer (--text is given but no --asr; e.g. --asr external:<text>)")
    durations = sum(u.duration_s for u in utterances)
    words = sum(len(text.get(u.key, "").split()) for u in utterances)
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
                target = external[spec.tag]["target"]
                without = [u.key for u in utterances if u.key not in target and not u.target_absent]
                if without:
                    raise DataError(f"{spec.target_text}: lacks {len(without)} keys: {some(without)}.")
            elif not options.text:
                raise DataError(
                    f"--asr external:{spec.estimate_text}: needs --text (for wer) or a second file after a "
                    "comma, the same recogniser's text of the clean targets (for dwer)."
                )
    return text, external


def _is_shard(text: str) -> bool:
    part, _, parts = text.partition("/")
    return part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)


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
    if (options.inf_scp is None) == (options.inf_dir is None):
        raise DataError("estimates: give --inf_scp or --inf_dir, one of the two.")
    if options.absent and not options.mix_scp:
        raise DataError("--absent: what comes out is compared with the mixture; give --mix_scp.")
    if options.absent == SILENT and not options.ref_scp:
        raise DataError(
            f"--absent {SILENT}: means targets that are digital silence; give --ref_scp, or a list of keys."
        )
    if options.spk2gender and not (options.utt2spk and options.intf_utt2spk):
        raise DataError(
            "--spk2gender: needs --utt2spk (target speakers) and --intf_utt2spk (interfering speakers)."
        )
    if options.candidates < 1:
        raise DataError(f"--candidates {options.candidates}: at least 1, one estimate and no choice.")
    if options.intf_text and not options.text:
        raise DataError("--intf_text: word leakage needs --text (of the target) as well.")
    if options.shard and not _is_shard(options.shard):
        raise DataError(f"--shard {options.shard}: use K/N with K from 1 to N, e.g. 2/8.")
    for name in ("model_dir", "dnsmos_dir"):
        folder = getattr(options, name)
        if folder is not None and not folder.is_dir():
            raise DataError(f"--{name} {folder}: no such folder; mend the path (doc/metrics.md says what it holds).")
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
    if options.utt2rtf and "rtf" not in names:
        names += ("rtf",)  # the file says that it is wanted
    utterances, low_band = pair_inputs(options)
    factors = real_time_factors(options, utterances)
    utterances = [replace(utterance, rtf=factors.get(utterance.key)) for utterance in utterances]
    names, not_available = _drop_impossible(names, explicit, options, low_band, deaf)
    speakers = read_scp(options.utt2spk) if options.utt2spk else {}
    lacking = [u.key for u in utterances if options.utt2spk and u.key not in speakers]
    if lacking:
        raise DataError(
            f"{options.utt2spk}: lacks {len(lacking)} of {len(utterances)} keys: {some(lacking)}."
        )
    text, external = _check_texts(options, specs, utterances)

    places, speaker_model = options.places, _best_speaker_model(names)
    measures = {name: describe(MEASURES[name], places) for name in _measures_used(names, speaker_model)}
    if "confusion" in measures:
        measures["confusion"]["settings"] = {"speaker_model": speaker_model}
    weights = {weight: find_weight(weight, places) for name in measures for weight in MEASURES[name].weights}
    identities = {name: json.dumps([name, part], sort_keys=True) for name, part in measures.items()}
    for spec in recognisers:
        # Texts are cached by what makes them, not by the name of their column.
        measures[spec.measure] = describe_recogniser(spec, places)
        identities[spec.measure] = json.dumps([spec.kind, measures[spec.measure]], sort_keys=True)
    estimate_cache = options.output_dir / ".cache"
    policies = {name: getattr(options, name) for name in ("length", "align", "level", "ref_channel")}
    scores = {each.card.name: each for each in map(read_external, options.external)}
    if len(scores) != len(options.external):
        raise DataError("--external: a column stands twice; give each its own name.")
    for option, each in zip(options.external, scores.values(), strict=True):
        if not any(u.key in each.values for u in utterances):
            raise DataError(
                f"--external {option}: has a value for none of the {len(utterances)} utterances; its keys are "
                f"{some(list(each.values))}, those to score {some([u.key for u in utterances])}."
            )
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
            speaker_model=speaker_model,
            silent_is_absent=options.absent == SILENT,
        ),
        asr=specs,
        external=external,
        text=text,
        speakers=speakers,
        genders=gender_pairs(options, utterances, speakers),
        interferer_text=interferer_texts(options, utterances),
        scores=scores,
        not_available=not_available,
        measures=measures,
        signature=hashlib.sha1(json.dumps(signed, sort_keys=True).encode()).hexdigest(),
        low_band=low_band,
        overrides=overrides,
    )

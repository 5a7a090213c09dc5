"""A YAML of ESPnet2's TSE task (td_speakerbeam) as one of ours, and what became of each of its keys."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from espnet_tse.io.nearest_name import check_known, nearest_name
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import read_yaml
from espnet_tse.tasks.config_keys import OF_TRAINING
from espnet_tse.tasks.espnet_keys import (
    CRITERIA,
    ELSEWHERE,
    EXTRACTOR,
    FILTERS,
    FUSIONS,
    LOCAL,
    NO_TSE,
    NORM_EPS,
    NORMS,
    OF_ONE_RUN,
    TRANSLATED,
    VALUES,
)
from espnet_tse.train.options import UNSUPPORTED


@dataclass
class Translation:
    """What an ESPnet YAML is here."""

    config: dict[str, Any] = field(default_factory=dict)  # a YAML of ours
    extractor_conf: dict[str, Any] = field(default_factory=dict)  # ESPnet's, with its defaults
    remarks: list[str] = field(
        default_factory=list
    )  # of keys without a counterpart, "key: what serves instead"


def translate_config(
    path: Path, sample_rate: int, idle: Mapping[str, str], defaults: Mapping[str, Any]
) -> Translation:
    """Translate ``path``, a recipe's YAML or the config.yaml of a training.

    Args:
        sample_rate: Hz; ESPnet's YAMLs do not say it.
        idle: options of ESPnet that nothing here reads -> what serves instead.
        defaults: of the options of training.
    Raises:
        DataError: unreadable, or the network is none that is computed here (all faults together).
    """
    theirs = read_yaml(path)
    if not theirs:
        raise DataError(f"{path}: holds no settings; name a recipe's YAML, or the config.yaml of a training.")
    result = Translation()
    faults = [f"{key}: {reason}" for key, reason in NO_TSE.items() if key in theirs]
    faults += translate_network(theirs, sample_rate, result)
    faults += translate_lengths(theirs, sample_rate, result)
    if faults:
        raise DataError(
            f"{path}: cannot be translated: {'; '.join(faults)}. Only td_speakerbeam of espnet 202511 is known here."
        )
    translate_criteria(theirs, result)
    for name in ("best_model_criterion", "val_scheduler_criterion", "early_stopping_criterion"):
        translate_values(name, theirs, defaults, result)
    for key, value in theirs.items():
        translate_key(key, value, idle, defaults, result)
    return result


def translate_network(theirs: Mapping, sample_rate: int, result: Translation) -> list[str]:
    """Encoder, extractor and decoder; returns what is wrong with them."""
    faults = []
    for name, only in (("encoder", "conv"), ("extractor", "td_speakerbeam"), ("decoder", "conv")):
        default = "stft" if only == "conv" else only
        if theirs.get(name, default) != only:
            faults.append(f"{name}: {theirs.get(name, default)}, want {only}")
    filters, decoder = mapping(theirs, "encoder_conf", faults), mapping(theirs, "decoder_conf", faults)
    given = mapping(theirs, "extractor_conf", faults)
    for name, conf, known in (
        ("encoder_conf", filters, FILTERS),
        ("decoder_conf", decoder, FILTERS),
        ("extractor_conf", given, EXTRACTOR),
    ):
        try:
            check_known(conf, known, where=name)
        except ValueError as error:
            faults.append(str(error))
    faults += [f"encoder_conf: lacks {key}" for key in FILTERS if key not in filters]
    faults += [
        f"decoder_conf: {key}: {decoder.get(key)!r} is not the encoder's {filters[key]!r}"
        for key in FILTERS
        if key in filters and decoder.get(key) != filters[key]
    ]
    conf = {key: given.get(key, default) for key, (default, _) in EXTRACTOR.items()}
    model_conf = mapping(theirs, "model_conf", faults)
    faults += faults_of_extractor(conf, model_conf.get("share_encoder", True))
    if faults:
        return faults
    result.extractor_conf = conf
    result.config = {"model": "discriminative", **extractor_of(conf, filters, sample_rate)}
    if (speakers := model_conf.get("num_spk", 1)) != 1:
        result.remarks.append(
            f"model_conf: num_spk: {speakers}: rows have one target, so a batch of n mixtures is {speakers} * n rows here"
        )
    if model_conf.get("flexible_numspk"):
        result.remarks.append(f"model_conf: flexible_numspk: {ELSEWHERE['flexible_numspk'][1]}")
    return []


def mapping(theirs: Mapping, name: str, faults: list[str]) -> Mapping:
    """A block of 'key: value' pairs; another value is a fault."""
    block = theirs.get(name) or {}
    if isinstance(block, dict):
        return block
    faults.append(f"{name}: want 'key: value' lines, got {block!r}")
    return {}


def faults_of_extractor(conf: Mapping, share_encoder: bool) -> list[str]:
    """What of ``extractor_conf`` is not computed here, or not by ESPnet either."""
    faults = []
    if conf["norm_type"] not in NORMS:
        faults.append(f"extractor_conf: norm_type: {conf['norm_type']}, want one of {', '.join(NORMS)}")
    elif conf["causal"] and conf["norm_type"] != "cLN":
        faults.append(
            "extractor_conf: causal: true with norm_type gLN, which hears the whole utterance; want cLN"
        )
    if conf["adapt_layer_type"] not in FUSIONS:
        faults.append(
            f"extractor_conf: adapt_layer_type: {conf['adapt_layer_type']}, want one of {', '.join(FUSIONS)}"
        )
    width, size = conf["bottleneck_dim"], conf["adapt_enroll_dim"]
    wanted = 2 * width if conf["adapt_layer_type"] == "muladd" else width
    if size != wanted:
        faults.append(
            f"extractor_conf: adapt_enroll_dim: {size}, but {conf['adapt_layer_type']} with bottleneck_dim {width} wants {wanted}"
        )
    if conf["skip_dim"] not in (None, width):
        faults.append(f"extractor_conf: skip_dim: {conf['skip_dim']}, want bottleneck_dim, {width}, or null")
    if bool(conf["use_spk_emb"]) == bool(share_encoder):
        faults.append(
            f"extractor_conf: use_spk_emb: {conf['use_spk_emb']} with model_conf: share_encoder: {share_encoder}; signals "
            "want share_encoder: true, embeddings false"
        )
    return faults


def extractor_of(conf: Mapping, filters: Mapping, sample_rate: int) -> dict[str, Any]:
    """Extractor and speaker encoder of ours."""
    skip = conf["skip_dim"] or 0
    norms = {"norm": NORMS[conf["norm_type"]], "input_norm": "frame", "norm_eps": NORM_EPS}
    extractor = {
        "sample_rate": sample_rate,
        **{ours: filters[key] for key, ours in FILTERS.items()},
        **{ours: conf[key] for key, (_, ours) in EXTRACTOR.items() if ours},
        "skip": skip,
        "fusion": FUSIONS[conf["adapt_layer_type"]],
        "adapts": "outputs",
        "frames": "whole",
        "shared_filters": True,
        **norms,
        "levelled": False,
    }
    speaker: dict[str, Any] = {
        "speaker_encoder": "given",
        "speaker_encoder_conf": {"output_dim": conf["spk_emb_dim"]},
    }
    if not conf["use_spk_emb"]:
        sizes = {ours: extractor[ours] for ours in ("width", "hidden", "skip", "kernel", "num_blocks")}
        output_dim = conf["adapt_enroll_dim"] * (2 if skip else 1)
        speaker = {
            "speaker_encoder": "tcn",
            "speaker_encoder_conf": {
                **sizes,
                "output_dim": output_dim,
                **norms,
                "activation": conf["pre_nonlinear"],
            },
        }
    return {"extractor": "td_speakerbeam", "extractor_conf": extractor, **speaker}


def translate_criteria(theirs: Mapping, result: Translation) -> None:
    """``criterions`` -> ``losses``."""
    losses: dict[str, float] = {}
    criteria = theirs.get("criterions") or [{"name": "si_snr"}]
    for criterion in criteria if isinstance(criteria, list) else []:
        if not isinstance(criterion, dict):
            continue
        name, conf = criterion.get("name"), criterion.get("conf") or {}
        wrapper = criterion.get("wrapper_conf") or {}
        weight = wrapper.get("weight", 1.0)
        counts = isinstance(weight, (int, float)) and weight > 0
        if name not in CRITERIA or conf.get("only_for_test") or not counts:
            result.remarks.append(
                f"criterions: {name}: no counterpart; model_conf: losses has those of doc/discriminative.md"
            )
            continue
        losses[CRITERIA[name]] = losses.get(CRITERIA[name], 0.0) + float(weight)
        if criterion.get("wrapper", "fixed_order") != "fixed_order":
            result.remarks.append(
                f"criterions: {name}: wrapper: {criterion['wrapper']}: no counterpart; rows have one target, so there is one order"
            )
        result.remarks += [
            f"criterions: {name}: conf: {key}: no counterpart"
            for key in conf
            if key not in ("name", "only_for_test")
        ]
    if not losses:
        losses = {"si_sdr": 1.0}
        result.remarks.append("criterions: none is known here; si_sdr stands in their place")
    result.config["model_conf"] = {"losses": losses}


def translate_lengths(theirs: Mapping, sample_rate: int, result: Translation) -> list[str]:
    """Segments and chunks in samples -> seconds; returns what is wrong with them."""
    chunked = theirs.get("iterator_type") == "chunk" and theirs.get("chunk_length") is not None
    if chunked and not str(theirs["chunk_length"]).isdecimal():
        result.remarks.append(
            f"chunk_length: {theirs['chunk_length']}: no counterpart for several lengths; set crop_s"
        )
        chunked = False
    faults = []
    for ours, key in (
        ("crop_s", "chunk_length" if chunked else "speech_segment"),
        ("enrollment_s", "enroll_segment"),
    ):
        samples = theirs.get(key)
        if samples is not None and str(samples).isdecimal() and int(samples):
            result.config[ours] = round(int(samples) / sample_rate, 4)
        elif samples is not None:
            faults.append(f"{key}: {samples}, want a number of samples")
    if theirs.get("load_spk_embedding"):
        result.remarks.append(
            "load_spk_embedding: embeddings are named by --train_embeddings and --valid_embeddings"
        )
    return faults


def translate_values(name: str, theirs: Mapping, defaults: Mapping, result: Translation) -> None:
    """Criteria by which checkpoints, schedules and the end are chosen: ``[valid, snr_loss, min]``."""
    value = theirs.get(name)
    if not value or plain(value) == plain(defaults.get(name)):
        return
    several = isinstance(value, (list, tuple)) and isinstance(value[0], (list, tuple))
    kept = []
    for criterion in value if several else [value]:
        if not isinstance(criterion, (list, tuple)) or len(criterion) < 2:
            result.remarks.append(f"{name}: {criterion}: want lists, as [valid, loss, min]")
        elif criterion[1] in VALUES:
            kept.append([criterion[0], VALUES[criterion[1]], *criterion[2:]])
        else:
            result.remarks.append(f"{name}: {criterion[1]}: no counterpart")
    if kept:
        result.config[name] = kept if several else kept[0]


def translate_key(
    key: str, value: Any, idle: Mapping[str, str], defaults: Mapping, result: Translation
) -> None:
    """Any other key: kept, or a remark where it was given a value that means something."""
    if key in TRANSLATED or key in OF_ONE_RUN:
        return
    if key in ELSEWHERE or key in LOCAL:
        default, instead = ELSEWHERE[key] if key in ELSEWHERE else (defaults.get(key), LOCAL[key])
        if plain(value) not in (plain(default), plain(None)):
            result.remarks.append(f"{key}: {instead}")
    elif key in UNSUPPORTED:
        neutral, instead = UNSUPPORTED[key]
        if plain(value) not in (plain(neutral), plain(None)):
            result.remarks.append(f"{key}: no counterpart; {instead}")
    elif key in idle:
        if plain(value) != plain(defaults.get(key)):
            result.remarks.append(f"{key}: no counterpart; {idle[key]}")
    elif key in OF_TRAINING:
        if plain(value) != plain(defaults.get(key)):
            result.config[key] = value
    else:
        near = nearest_name(str(key), [*ELSEWHERE, *TRANSLATED, *OF_TRAINING])
        result.remarks.append(
            f"{key}: no option of ESPnet's TSE task" + (f" (did it mean {near}?)" if near else "")
        )


def plain(value: Any) -> Any:
    """Numbers and words alike: a YAML has the one where a parser has the other."""
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else str(value)

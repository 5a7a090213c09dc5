"""The released BiCodec (SparkAudio/Spark-TTS-0.5B, CC BY-NC-SA 4.0; also what UniSE builds on) as our codec.

The layout: BiCodec/config.yaml with a block ``audio_tokenizer``, BiCodec/model.safetensors with 840 float32
tensors and weight norm under the names of torch before parametrizations; beside them wav2vec2-large-xlsr-53/
and a config.yaml of the whole system, which says how recordings are cut and levelled.
"""

import os
import re
from pathlib import Path
from typing import Any

from torch import Tensor

from espnet_tse.codec.bicodec import SSL_KINDS, BiCodec, BiCodecConfig
from espnet_tse.codec.weight_fit import check_fit
from espnet_tse.io.choices import checked
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import read_yaml
from espnet_tse.layers.ssl_model import open_ssl, wants_normalized

LICENCE = "CC-BY-NC-SA-4.0"
CODEC_FOLDER, SSL_FOLDER = "BiCodec", "wav2vec2-large-xlsr-53"

# What only training needs: the postnet, how often entries were used, discriminators; and computed filters.
LEFT_OUT = ("postnet.", "quantizer.cluster_size", "discriminator.", "mel_transformer.")

# Fields of our configuration that stand in one place of the released one.
FIELDS = {
    "mel_params": dict(
        n_fft="n_fft", win_length="window", hop_length="hop_length", mel_fmin="lowest_hz", num_mels="num_mels",
    ),
    "encoder": dict(vocos_dim="channels", vocos_intermediate_dim="inner_channels", vocos_num_layers="num_blocks"),
    "quantizer": dict(codebook_size="codebook_size", codebook_dim="codebook_dim", input_dim="feature_dim"),
    "speaker_encoder": dict(latent_dim="token_dim", token_num="num_globals"),
    "decoder": dict(channels="generator_channels", rates="strides", kernel_sizes="kernel_sizes"),
}  # fmt: skip

# Released keys that repeat a field given above.
REPEATED = {
    "mel_params": dict(sample_rate="sample_rate"),
    "encoder": dict(out_channels="feature_dim"),
    "speaker_encoder": dict(input_dim="num_mels", out_dim="feature_dim"),
    "prenet": dict(
        input_channels="feature_dim", out_channels="feature_dim", condition_dim="feature_dim",
        vocos_dim="channels", vocos_intermediate_dim="inner_channels", vocos_num_layers="num_blocks",
    ),
    "decoder": dict(input_channel="feature_dim"),
}  # fmt: skip

# Keys that change the computation, with the only value that this codec computes; absent ones have it.
SUPPORTED = {
    "mel_params": dict(mel_fmax=None),
    "encoder": dict(sample_ratios=[1, 1]),
    "quantizer": dict(use_l2_normlize=True),
    "speaker_encoder": dict(fsq_num_quantizers=1),
    "prenet": dict(sample_ratios=[1, 1], use_tanh_at_final=False),
    "decoder": dict(d_out=1),
}

# Keys that are read elsewhere, or that only training needs.
OTHER = {
    "encoder": ("input_channels",),
    "quantizer": ("commitment", "codebook_loss_weight", "decay", "momentum", "threshold_ema_dead_code"),
    "speaker_encoder": ("fsq_levels",),
}

# Our names -> released ones, in this order; weights of ``generator`` are counted in ``released_name``.
BACKBONE_NAMES = [
    (r"\.blocks\.(\d+)\.scale$", r".convnext.\1.gamma"),
    (r"\.blocks\.(\d+)\.", r".convnext.\1."),
    (r"\.depthwise\.", ".dwconv."),
    (r"\.widen\.", ".pwconv1."),
    (r"\.narrow\.", ".pwconv2."),
    (r"\.final_norm\.", ".final_layer_norm."),
    (r"\.stages\.(\d+)\.", r".downsample.\1.1."),
]
NAMES = {
    "encoder.": [
        *BACKBONE_NAMES,
        (r"^encoder\.backbone\.", "encoder.encoder."),
        (r"^encoder\.output\.", "encoder.project."),
    ],
    "prenet.": [
        *BACKBONE_NAMES,
        (r"^prenet\.backbone\.", "prenet.vocos_backbone."),
        (r"^prenet\.input\.", "prenet.linear_pre."),
        (r"^prenet\.output\.", "prenet.linear."),
    ],
    "quantizer.": [
        (r"\.entries$", ".codebook.weight"),
        (r"\.down\.", ".in_project."),
        (r"\.up\.", ".out_project."),
    ],
    "voice.ecapa.": [
        (r"\.res2\.layers\.(\d+)\.conv\.", r".1.convs.\1."),
        (r"\.res2\.layers\.(\d+)\.norm\.", r".1.bns.\1."),
        (r"\.gate\.squeeze\.", ".3.linear1."),
        (r"\.gate\.excite\.", ".3.linear2."),
        (r"\.before\.", ".0."),
        (r"\.after\.", ".2."),
        (r"\.blocks\.(\d+)\.", lambda match: f".layer{int(match[1]) + 2}.se_res2block."),
        (r"\.input\.", ".layer1."),
        (r"\.norm\.", ".bn."),
        (r"\.joined\.", ".conv."),
        (r"\.pooling\.hidden\.", ".pool.linear1."),
        (r"\.pooling\.score\.", ".pool.linear2."),
        (r"\.output\.", ".linear."),
        (r"^voice\.ecapa\.", "speaker_encoder.speaker_encoder."),
    ],
    "voice.resampler.": [
        (r"\.context\.", ".proj_context."),
        (r"\.queries$", ".latents"),
        (r"\.gain$", ".norm.gamma"),
        (r"\.attention\.(\d+)\.query\.", r".layers.\1.0.to_q."),
        (r"\.attention\.(\d+)\.key_value\.", r".layers.\1.0.to_kv."),
        (r"\.attention\.(\d+)\.out\.", r".layers.\1.0.to_out."),
        (r"\.feedforward\.(\d+)\.widen\.", r".layers.\1.1.0."),
        (r"\.feedforward\.(\d+)\.narrow\.", r".layers.\1.1.2."),
        (r"^voice\.resampler\.", "speaker_encoder.perceiver_sampler."),
    ],
    "voice.": [
        (r"^voice\.to_scalars\.", "speaker_encoder.quantizer.project_in."),
        (r"^voice\.from_scalars\.", "speaker_encoder.quantizer.project_out."),
        (r"^voice\.output\.", "speaker_encoder.project."),
    ],
    "generator.": [
        (r"\.layers\.", ".block."),
        (r"^generator\.blocks\.(\d+)\.", lambda match: f"decoder.model.{int(match[1]) + 1}.block."),
        (r"^generator\.input\.", "decoder.model.0."),
    ],
}  # fmt: skip


def folder_of_bicodec(folder: Path) -> Path | None:
    """The folder that holds BiCodec/, given it or BiCodec/ itself; None for other folders."""
    if (folder / CODEC_FOLDER).is_dir():
        return folder
    return folder.parent if folder.name == CODEC_FOLDER and folder.is_dir() else None


def import_bicodec(folder: Path) -> tuple[BiCodec, dict]:
    """Open a released folder.

    Returns:
        the codec in eval mode, and the released configuration.
    Raises:
        DataError: a file or the folder of wav2vec 2.0 is missing or unreadable, the configuration asks for
            something this codec does not compute, or weights are missing, unexpected or of another shape (all are
            listed).
    """
    root = folder_of_bicodec(folder) or folder
    path = root / CODEC_FOLDER / "config.yaml"
    released = read_released_config(path)
    ssl_folder = root / SSL_FOLDER
    if not ssl_folder.is_dir():
        raise DataError(
            f"{ssl_folder}: no such folder; BiCodec hears speech through it. Put facebook/{SSL_FOLDER} there, as "
            "transformers saves it."
        )
    weights = read_safetensors(root / CODEC_FOLDER / "model.safetensors")
    conf = {**translate_config(released, path), **unnamed_sizes(weights), **read_use(root / "config.yaml")}
    # By its full path: recipes and systems open the codec from other folders.
    conf = {**conf, "model_dir": os.path.abspath(ssl_folder), "one_plus_scale": False}
    try:
        config = checked(BiCodecConfig, conf, str(path))
        ssl = open_ssl(ssl_folder, max(config.layers), SSL_KINDS)
        codec = BiCodec(config, ssl, wants_normalized(ssl_folder))
    except ValueError as error:
        raise DataError(str(error)) from error
    load_released(codec, weights, root / CODEC_FOLDER / "model.safetensors")
    return codec.requires_grad_(False).eval(), released


def read_released_config(path: Path) -> dict:
    """The block ``audio_tokenizer``."""
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; a released BiCodec has config.yaml and model.safetensors there."
        )
    released = read_yaml(path).get("audio_tokenizer")
    missing = [
        block
        for block in SUPPORTED
        if not isinstance(released, dict) or not isinstance(released.get(block), dict)
    ]
    if missing:
        raise DataError(
            f"{path}: audio_tokenizer has no {', '.join(missing)}; this is no configuration of a BiCodec."
        )
    return released


def translate_config(released: dict, path: Path) -> dict[str, Any]:
    """Our sizes from BiCodec's.

    Raises:
        DataError: keys are missing, unknown, contradict each other or ask for something else (all are listed).
    """
    conf: dict[str, Any] = {"sample_rate": BiCodecConfig.sample_rate}
    faults = []
    for block, keys in FIELDS.items():
        faults += [f"{block}: {key} is missing" for key in keys if key not in released[block]]
        conf |= {field: released[block][key] for key, field in keys.items() if key in released[block]}
    levels = released["speaker_encoder"].get("fsq_levels")
    if not isinstance(levels, list) or not levels or any(level != levels[0] for level in levels):
        faults.append(f"speaker_encoder: fsq_levels: {levels}")
        levels = [0]
    conf |= {"num_levels": levels[0], "num_dims": len(levels)}
    for block, supported in SUPPORTED.items():
        given, repeated = released[block], REPEATED.get(block, {})
        known = {*FIELDS.get(block, {}), *repeated, *supported, *OTHER.get(block, ())}
        faults += [f"{block}: {key}: {given[key]}" for key in given if key not in known]
        faults += [
            f"{block}: {key}: {given[key]}"
            for key, value in supported.items()
            if given.get(key, value) != value
        ]
        faults += [
            f"{block}: {key} is {given.get(key)} and should be {conf.get(field)}"
            for key, field in repeated.items()
            if given.get(key) != conf.get(field)
        ]
    if faults:
        raise DataError(f"{path}: not supported: {'; '.join(faults)}.")
    return conf


def unnamed_sizes(weights: dict[str, Tensor]) -> dict[str, int]:
    """Sizes that the released configuration does not name; the published ones where tensors are missing."""
    names = {"ecapa_channels": "layer1.conv.weight", "ecapa_output": "conv.weight"}
    found = {field: weights.get(f"speaker_encoder.speaker_encoder.{name}") for field, name in names.items()}
    return {field: len(tensor) for field, tensor in found.items() if tensor is not None}


def read_use(path: Path) -> dict[str, Any]:
    """How recordings are cut and levelled, of the whole system's config.yaml; empty without that file.

    Raises:
        DataError: values of another kind.
    """
    if not path.is_file():
        return {}
    content = read_yaml(path)
    fields = {"ref_segment_duration": ("voice_s", float), "volume_normalize": ("volume_normalize", bool)}
    try:
        return {field: kind(content[key]) for key, (field, kind) in fields.items() if key in content}
    except (TypeError, ValueError) as error:
        shown = ", ".join(f"{key}: {content[key]}" for key in fields if key in content)
        raise DataError(f"{path}: {shown}: want a number of seconds, and true or false ({error}).") from None


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file; the format holds numbers only, nothing of it is executed."""
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; a released BiCodec has config.yaml and model.safetensors there."
        )
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise DataError(f"{path}: safetensors is missing: pip install -e '.[ssl]'.") from None
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: not readable as safetensors ({error}); fetch the file again.") from error


def load_released(codec: BiCodec, weights: dict[str, Tensor], path: Path) -> None:
    """Fill a codec with weights under their released names.

    Raises:
        DataError: they do not fit one to one.
    """
    ours = codec.state_dict()
    identity = ours.pop("identity")  # computed, of wav2vec 2.0
    names = {name: released_name(name, len(codec.config.strides)) for name in ours}
    given = {name: tensor for name, tensor in weights.items() if not name.startswith(LEFT_OUT)}
    check_fit(given, {names[name]: tensor for name, tensor in ours.items()}, path)
    state = {name: given[names[name]].to(tensor.dtype) for name, tensor in ours.items()}
    codec.load_state_dict({**state, "identity": identity}, strict=True)


def released_name(name: str, num_strides: int) -> str:
    """What a tensor of ``BiCodec`` is called in the released file.

    Args:
        num_strides: of the generator, whose last layers are counted behind its blocks.
    """
    name = name.replace(".parametrizations.weight.original0", ".weight_g")
    name = name.replace(".parametrizations.weight.original1", ".weight_v")
    rules = next(rules for prefix, rules in NAMES.items() if name.startswith(prefix))
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    name = re.sub(r"^generator\.activation\.", f"decoder.model.{num_strides + 1}.", name)
    return re.sub(r"^generator\.output\.", f"decoder.model.{num_strides + 2}.", name)

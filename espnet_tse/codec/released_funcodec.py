"""Released FunCodec folders (config.yaml and model.pth of modelscope/FunCodec, MIT) as our codec.

The layout: SEANet weights have the names of espnet2's modules; the quantizer keeps its tables stacked
under ``quantizer.rq.model``; weight-norm configurations use the names of torch before parametrizations.
"""

import re
from pathlib import Path

import torch
from torch import Tensor

from espnet_tse.codec.funcodec import FunCodec, FunCodecConfig
from espnet_tse.codec.weight_fit import check_fit
from espnet_tse.io.scp import DataError
from espnet_tse.io.unreadable_weights import reason_of
from espnet_tse.io.yaml_file import read_yaml

QUANTIZER_PREFIX = "quantizer.rq.model."
# Parts of a released checkpoint that only its training needs.
TRAINING_ONLY = ("discriminator.", "mel_spec_transforms.", "context_model.")

# Options of FunCodec that change the computation, with the only value that this codec computes.
SUPPORTED = {
    "encoder_conf": dict(
        activation="ELU", pad_mode="reflect", true_skip=False, compress=2, res_seq=True,
        double_filters=True, add_snake_activation=False, norm_params={}, activation_params={"alpha": 1.0},
    ),
    "decoder_conf": dict(
        activation="ELU", pad_mode="reflect", true_skip=False, compress=2, res_seq=True,
        half_filters=True, add_snake_activation=False, final_activation=None, norm_params={},
        activation_params={"alpha": 1.0}, trim_right_ratio=1.0,
    ),
    "quantizer_conf": dict(codec_dim=None, codec_range=None, q0_ds_ratio=1),
    "model_conf": dict(audio_normalize=True, segment_dur=None, codec_domain="time", bypass_quantizer=False),
}  # fmt: skip


def import_funcodec(folder: Path | str) -> tuple[FunCodec, dict]:
    """Open a released folder.

    Returns:
        the codec in eval mode, and the released configuration.
    Raises:
        DataError: a file is missing or unreadable, the configuration asks for something this codec does not
            compute, or weights are missing, unexpected or of another shape (all are listed).
    """
    folder = Path(folder)
    released = read_released_config(folder / "config.yaml")
    config = translate_config(released, folder / "config.yaml")
    codec = FunCodec(config)
    state = translate_state(read_weights(folder / "model.pth"))
    check_fit(state, codec.state_dict(), folder / "model.pth")
    codec.load_state_dict(state, strict=True)
    return codec.requires_grad_(False).eval(), released


LAYOUTS = (
    "a released FunCodec folder holds config.yaml and model.pth, one of BiCodec (Spark-TTS, UniSE) holds BiCodec/ and "
    "wav2vec2-large-xlsr-53/; name that folder"
)


def read_released_config(path: Path) -> dict:
    if not path.is_file():
        raise DataError(f"{path}: no such file; {LAYOUTS}.")
    config = read_yaml(path)
    if not {"encoder_conf", "quantizer_conf"} <= set(config):
        raise DataError(
            f"{path}: has no encoder_conf and quantizer_conf; this is no configuration of a FunCodec model."
        )
    return config


def translate_config(released: dict, path: Path) -> FunCodecConfig:
    """Our sizes from FunCodec's; FunCodec's own defaults where its file is silent.

    Raises:
        DataError: an option has a value that this codec does not compute.
    """
    kind = released.get("encoder", "encodec_seanet_encoder")
    faults = [] if kind == "encodec_seanet_encoder" else [f"encoder: {kind}"]
    for block, supported in SUPPORTED.items():
        conf = released.get(block) or {}
        # segment_dur and codec_domain default to other values in FunCodec's code; released files give them.
        faults += [
            f"{block}: {key}: {conf[key]}"
            for key, value in supported.items()
            if conf.get(key, value) != value
        ]
    encoder, decoder = released["encoder_conf"] or {}, released.get("decoder_conf") or {}
    quantizer, model = released["quantizer_conf"] or {}, released.get("model_conf") or {}
    faults += [
        f"decoder_conf: {key}: {decoder.get(key)} differs from the encoder's {encoder.get(key)}"
        for key in ("ratios", "norm", "causal", "n_filters", "n_residual_layers", "seq_layer_num")
        if key in decoder and key in encoder and decoder[key] != encoder[key]
    ]
    sequence = [conf.get("seq_model", "lstm") for conf in (encoder, decoder)]
    if sequence not in (["lstm", "lstm"], ["none", "none"]):
        faults.append(f"encoder_conf: seq_model: {sequence[0]}, decoder_conf: seq_model: {sequence[1]}")
    if faults:
        raise DataError(
            f"{path}: not supported: {'; '.join(faults)}. Use a time-domain SEANet model of FunCodec."
        )
    return FunCodecConfig(
        sample_rate=model.get("target_sample_hz", 16000),
        ratios=tuple(encoder.get("ratios", (8, 5, 4, 2))),
        num_filters=encoder.get("n_filters", 32),
        num_residual_layers=encoder.get("n_residual_layers", 1),
        dilation_base=encoder.get("dilation_base", 2),
        lstm_layers=encoder.get("seq_layer_num", 2) if sequence[0] == "lstm" else 0,
        kernel_size=encoder.get("kernel_size", 7),
        residual_kernel_size=encoder.get("residual_kernel_size", 3),
        norm=encoder.get("norm", "weight_norm"),
        causal=encoder.get("causal", False),
        num_codebooks=quantizer.get("num_quantizers", 8),
        codebook_size=quantizer.get("codebook_size", 1024),
        embedding_dim=encoder.get("dimension", 128),
        ema_decay=quantizer.get("ema_decay", 0.95),
    )


def read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; {LAYOUTS}.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        raise DataError(
            f"{path}: not readable as weights ({reason_of(error)}); fetch the file again."
        ) from error
    for wrapper in ("model", "state_dict"):
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(f"{path}: holds no state dict of tensors; fetch the file again.")
    return state


def translate_state(released: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename to our names; parts of the training alone are left out."""
    state = {}
    for name, tensor in released.items():
        if name.startswith(TRAINING_ONLY):
            continue
        if name.startswith(QUANTIZER_PREFIX):
            name = "quantizer." + name.removeprefix(QUANTIZER_PREFIX)
            tensor = tensor.float()
        name = re.sub(r"\.weight_g$", ".parametrizations.weight.original0", name)
        name = re.sub(r"\.weight_v$", ".parametrizations.weight.original1", name)
        state[name] = tensor
    return state

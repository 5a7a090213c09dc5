"""A trained-looking LauraTSE folder of nano size, with a real codec beside it."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import yaml

from espnet_tse.codec.load import save_codec
from espnet_tse.codec.spectral_codec import SpectralCodec, SpectralCodecConfig
from espnet_tse.io.audio import write_audio

SIZES = {"width": 64, "num_heads": 4, "feedforward": 128, "position": "rotary"}
SYSTEM = {
    "frontend": "log_mel",
    "frontend_conf": {"num_mels": 64},
    "encoder": "shared_transformer",
    "encoder_conf": {"num_layers": 1, **SIZES},
    "lm": "decoder_only",
    "lm_conf": {"num_layers": 2, **SIZES},
    "vocoder": "fine_embedding",
    "vocoder_conf": {"num_layers": 1, **SIZES},
    "model": "laura_tse",
    "model_conf": {},
}


def write_signal(path: Path, signal: np.ndarray, sample_rate: int = 16000) -> None:
    write_audio(path, np.clip(signal, -1.0, 1.0), sample_rate)


def write_codec(folder: Path, seed: int = 0, **changes) -> Path:
    """A spectral codec of random weights; ``changes`` are sizes of it that differ."""
    torch.manual_seed(seed)
    sizes = {
        "n_fft": 512,
        "num_codebooks": 4,
        "codebook_size": 16,
        "embedding_dim": 16,
        "encoder_channels": 16,
        "encoder_blocks": 1,
        "decoder_channels": 16,
        "decoder_blocks": 1,
        "griffin_lim_iterations": 2,
    }
    config = SpectralCodecConfig(**{**sizes, **changes})
    codec = SpectralCodec(config)
    codec.quantizer.embed.copy_(torch.randn_like(codec.quantizer.embed))
    save_codec(folder, codec, {"codec": "spectral", "codec_conf": asdict(config)}, "none", {})
    return folder


UNISE = {
    "frontend": "log_mel",
    "frontend_conf": {"hop_length": 320, "num_mels": 20},
    "encoder": "adapter",
    "encoder_conf": {"feature_shift": 40.0, "feature_scale": 0.05},
    "lm": "task_lm",
    "lm_conf": {"num_layers": 1, "width": 16, "num_heads": 2, "feedforward": 32, "frame_synchronous": True},
    "vocoder": "codec_decoder",
    "vocoder_conf": {},
    "model": "unise",
    "model_conf": {},
}


def write_wavlm(folder: Path, hidden_size: int = 16, num_hidden_layers: int = 3, **config) -> Path:
    """A tiny random WavLM as transformers saves it; the window and hop of the published ones."""
    from transformers import WavLMConfig, WavLMModel

    torch.manual_seed(0)
    sizes = {
        "hidden_size": hidden_size,
        "num_hidden_layers": num_hidden_layers,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "conv_dim": (8,) * 7,
        "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 2,
    }
    WavLMModel(WavLMConfig(**{**sizes, **config})).save_pretrained(folder)
    return folder


def write_system(root: Path, seed: int = 0, **changes) -> Path:
    """``root/exp/tse_nano`` with config.yaml, weights and its codec; random weights.

    Args:
        changes: keys of ``SYSTEM`` that differ.
    """
    folder, config = root / "exp" / "tse_nano", {**SYSTEM, **changes}
    write_codec(folder / "tokenizers" / "acoustic", seed)
    write_model(folder, {**config, "tokenizers": {"acoustic": "exp/codec_nano"}}, seed)
    return folder


def write_model(folder: Path, config: dict, seed: int) -> None:
    """What a training leaves: config.yaml, random weights, manifests of its tokenizers.

    Args:
        folder: its ``tokenizers`` are there already.
    """
    from espnet_tse.tasks.build import build_model

    torch.manual_seed(seed)
    places = {name: folder / "tokenizers" / name for name in config["tokenizers"]}
    model = build_model({**config, "tokenizers": {name: str(place) for name, place in places.items()}})
    torch.save(model.state_dict(), folder / "valid.loss.ave.pth")
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    for name, place in places.items():
        kept = folder / "tokenizers_of_training" / name
        kept.mkdir(parents=True)
        (kept / "manifest.json").write_text((place / "manifest.json").read_text())

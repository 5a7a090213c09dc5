"""Extractors at the size of unit tests, in eval mode with fixed weights."""

from pathlib import Path

import torch
import yaml
from torch import nn

from espnet_tse.extractor.abs_extractor import AbsExtractor
from espnet_tse.models.discriminative import Discriminative
from espnet_tse.tasks.choices import extractor_choices, speaker_encoder_choices

GRID = {"n_fft": 64, "hop_length": 32, "width": 8, "num_blocks": 2, "hidden": 6, "num_heads": 2, "approx_qk_dim": 64}
BAND_SPLIT = {"n_fft": 64, "hop_length": 16, "width": 8, "num_layers": 2}
RESNET34 = ("resnet34", {"width": 4, "num_blocks": (1, 1), "output_dim": 10})
SYSTEMS = {
    "usef_tfgridnet": (GRID, None),
    "x_tf_gridnet": (
        {**GRID, "sample_rate": 16000, "kernel": 4, "hop": 2},
        ("unet", {"width": 4, "depths": (2, 1), "output_dim": 10}),
    ),
    "usef_sepformer": (
        {"width": 16, "num_heads": 2, "feedforward": 32, "chunk": 10, "num_layers": 1, "num_repeats": 2},
        None,
    ),
    "usef_sepformer_released": (
        {"width": 16, "num_heads": 2, "feedforward": 32, "chunk": 10, "num_layers": 1, "num_repeats": 2}
        | {"num_cross_layers": 1},
        None,
    ),
    "td_speakerbeam": (
        {"num_filters": 16, "width": 8, "hidden": 12, "skip": 8, "num_blocks": 3, "num_repeats": 2, "adapted_block": 3},
        ("tcn", {"width": 8, "hidden": 12, "skip": 8, "num_blocks": 2, "output_dim": 10}),
    ),
    "spex_plus": (
        {"num_filters": 16, "filter_sizes": (20, 40, 80), "width": 8, "hidden": 12, "num_blocks": 3, "num_stacks": 2},
        ("resnet1d", {"width": 8, "hidden": 12, "output_dim": 10}),
    ),
    "bsrnn": ({**BAND_SPLIT, "num_mels": 16}, RESNET34),
    "bsrnn_attention": ({**BAND_SPLIT, "num_heads": 2, "approx_qk_dim": 64}, None),
    "bsrnn_context": ({**BAND_SPLIT, "num_mels": 16, "attention_dim": 12}, RESNET34),
    "bsrnn_map": (BAND_SPLIT, None),
    "dpccn": (
        {"n_fft": 128, "hop_length": 32, "width": 4, "deep_widths": (8, 8), "num_blocks": 2, "num_repeats": 1}
        | {"num_mels": 16, "pools": (2, 4)},
        RESNET34,
    ),
    "magnitude_mask": (
        {"n_fft": 64, "hop_length": 32, "width": 8, "num_recurrent": 1, "recurrent_width": 6, "num_mels": 16},
        RESNET34,
    ),
}
CAUSAL = ("td_speakerbeam", "spex_plus", "bsrnn", "bsrnn_attention", "bsrnn_context", "bsrnn_map", "magnitude_mask")


def nano_extractor(name: str, **conf) -> AbsExtractor:
    """``name`` of ``SYSTEMS`` with other settings on request."""
    torch.manual_seed(0)
    sizes, speaker = SYSTEMS[name]
    parts = {}
    if speaker is not None:
        parts["new_speaker_encoder"] = lambda input_dim: speaker_encoder_choices.build(*speaker, input_dim=input_dim)
    model = extractor_choices.build(name, {**sizes, **conf}, **parts)
    if name == "x_tf_gridnet":  # its gains begin at zero and would hide what lies behind them
        for fusion in model.fusions:
            nn.init.constant_(fusion.gain, 0.5)
    return model.eval()


def write_extractor(folder: Path, name: str, **conf) -> Path:
    """The folder of a trained system of ``SYSTEMS``."""
    sizes, (encoder, encoder_conf) = SYSTEMS[name]
    config = {
        "model": "discriminative",
        "model_conf": {},
        "extractor": name,
        "extractor_conf": {**sizes, **conf},
        "speaker_encoder": encoder,
        "speaker_encoder_conf": encoder_conf,
    }
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    torch.save(Discriminative(nano_extractor(name, **conf)).state_dict(), folder / "valid.loss.ave.pth")
    return folder

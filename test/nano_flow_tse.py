"""Flows between spectra at the size of unit tests."""

PARTS = {
    "model": "flow_tse",
    "encoder": "mixture_spectrum",
    "encoder_conf": {"n_fft": 64, "hop_length": 32, "num_mels": 20},
    "speaker_encoder": "resnet34",
    "speaker_encoder_conf": {"width": 2, "num_blocks": [1, 1, 1, 1], "output_dim": 4},
    "lm": "spectral_flow",
    "lm_conf": {
        "num_layers": 1,
        "width": 16,
        "num_heads": 2,
        "feedforward": 24,
        "ratio_width": 8,
        "ratio_blocks": 1,
    },
    "vocoder": "inverse_stft",
}
# The published systems as switches.
SYSTEMS = {
    "ad": {"path": "background", "objective": "velocity"},
    "mean": {"path": "background", "objective": "mean"},
    "alpha": {"path": "mixture", "objective": "alpha"},
}


def parts(system: str, **lm_conf) -> dict:
    """The YAML of one of ``SYSTEMS``."""
    return {**PARTS, "lm_conf": {**PARTS["lm_conf"], **SYSTEMS[system], **lm_conf}}

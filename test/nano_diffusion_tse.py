"""DPM-TSE and Diff-TSE at the size of unit tests."""

import torch

from espnet_tse.codec.mel_vocoder import MelVocoder, MelVocoderConfig
from espnet_tse.models.diffusion_tse import AbsDiffusionTSE
from espnet_tse.tasks.build import build_part

NUM_MELS = 20
SPEAKER = {
    "speaker_encoder": "resnet34",
    "speaker_encoder_conf": {"width": 2, "num_blocks": [1, 1, 1, 1], "output_dim": 4},
}
LM = {"width": 8, "multipliers": [1, 2], "num_blocks": 1, "attention_level": 1}
PARTS = {
    "dpm_tse": {
        **SPEAKER,
        "model": "dpm_tse",
        "encoder": "mixture_mel",
        "encoder_conf": {"num_mels": NUM_MELS},
        "lm": "map_diffusion",
        "lm_conf": {**LM, "growth": "linear", "center": 1.5, "spread": 1.5},
        "vocoder": "mel_vocoder",
    },
    "diff_tse": {
        **SPEAKER,
        "model": "diff_tse",
        "encoder": "mixture_spectrum",
        "encoder_conf": {"n_fft": 62, "hop_length": 31, "num_mels": NUM_MELS, "exponent": 0.5},
        "lm": "map_diffusion",
        "lm_conf": {**LM, "spread": 0.5},
        "vocoder": "inverse_stft",
    },
}


def nano_diffusion_tse(name: str, **changes) -> AbsDiffusionTSE:
    """In eval mode; what starts at zero is shaken, as by some training."""
    torch.manual_seed(0)
    parts = {**PARTS[name], "model_conf": {"num_speakers": 3}, **changes}
    config = MelVocoderConfig(num_mels=NUM_MELS, channels=8, num_blocks=1)
    tokenizers = {"mel": MelVocoder(config).eval()} if name == "dpm_tse" else {}
    return build_part("model", "model", parts, tokenizers).eval()

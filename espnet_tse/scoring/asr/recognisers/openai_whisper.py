"""The package openai-whisper on a local checkpoint."""

from pathlib import Path

import numpy as np

from espnet_tse.scoring.measure.network_input import full_scale

# Greedy, in one pass: one temperature leaves nothing to fall back to, and no segment is judged to be silent.
STRICT = {
    "task": "transcribe",
    "temperature": 0.0,
    "condition_on_previous_text": False,
    "compression_ratio_threshold": None,
    "logprob_threshold": None,
    "no_speech_threshold": None,
}


class OpenAIWhisper:
    """Samples -> words."""

    def __init__(self, checkpoint: Path, language: str = "en", decode: str = "strict"):
        """``checkpoint``: a ``.pt`` file of openai-whisper; ``decode``: "strict", or "paper" for its defaults."""
        import torch
        import whisper

        torch.set_num_threads(1)
        self.model = whisper.load_model(str(checkpoint), device="cpu")
        self.options = {"language": language, **STRICT} if decode == "strict" else {}

    def __call__(self, samples: np.ndarray) -> str:
        """Words of (N,) samples at 16 kHz."""
        return self.model.transcribe(full_scale(samples), fp16=False, **self.options)["text"].strip()

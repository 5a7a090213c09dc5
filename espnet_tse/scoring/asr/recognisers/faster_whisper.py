"""The package faster-whisper on a local CTranslate2 folder."""

from pathlib import Path

import numpy as np

from espnet_tse.scoring.measure.network_input import full_scale

STRICT = {
    "task": "transcribe",
    "beam_size": 1,
    "best_of": 1,
    "temperature": 0.0,
    "condition_on_previous_text": False,
    "compression_ratio_threshold": None,
    "log_prob_threshold": None,
    "no_speech_threshold": None,
    "vad_filter": False,
}


class FasterWhisper:
    """Samples -> words."""

    def __init__(
        self, folder: Path, language: str = "en", decode: str = "strict", compute_type: str = "float32"
    ):
        """``folder``: a CTranslate2 Whisper with its ``tokenizer.json``; ``compute_type`` as CTranslate2 has it."""
        from faster_whisper import WhisperModel

        self.model = WhisperModel(
            str(folder), device="cpu", compute_type=compute_type, cpu_threads=1, local_files_only=True
        )
        self.options = {"language": language, **STRICT} if decode == "strict" else {}

    def __call__(self, samples: np.ndarray) -> str:
        """Words of (N,) samples at 16 kHz."""
        segments, _ = self.model.transcribe(full_scale(samples), **self.options)
        return " ".join(segment.text.strip() for segment in segments).strip()

"""Whisper of transformers on a local folder."""

from pathlib import Path

import numpy as np

from espnet_tse.scoring.measure.network_input import RATE, full_scale
from espnet_tse.scoring.measure.pretrained import load_pretrained

WINDOW_S = 30


class HFWhisper:
    """Samples -> words."""

    def __init__(self, folder: Path, language: str = "en", decode: str = "strict"):
        """``folder``: a WhisperForConditionalGeneration as transformers saves it, with its processor."""
        import torch
        from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

        self.torch, self.model = torch, load_pretrained(WhisperForConditionalGeneration, folder)
        self.extractor = WhisperFeatureExtractor.from_pretrained(str(folder), local_files_only=True)
        self.tokenizer = WhisperTokenizer.from_pretrained(str(folder), local_files_only=True)
        self.options = {}
        if decode == "strict":
            self.options = {"do_sample": False, "num_beams": 1, "condition_on_prev_tokens": False}
            # Models of English alone have no language tokens.
            if getattr(self.model.generation_config, "is_multilingual", False):
                self.options |= {"language": language, "task": "transcribe"}

    def __call__(self, samples: np.ndarray) -> str:
        """Words of (N,) samples at 16 kHz; above 30 s in windows that follow its time stamps."""
        long = len(samples) > WINDOW_S * RATE
        form = {"truncation": False, "padding": "longest"} if long else {}
        inputs = self.extractor(
            full_scale(samples), sampling_rate=RATE, return_tensors="pt", return_attention_mask=True, **form
        )
        with self.torch.inference_mode():
            tokens = self.model.generate(
                **inputs, **self.options, **({"return_timestamps": True} if long else {})
            )
        return self.tokenizer.batch_decode(tokens, skip_special_tokens=True)[0].strip()

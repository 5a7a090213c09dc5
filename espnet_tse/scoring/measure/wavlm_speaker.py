"""Speaker embeddings of WavLM with an x-vector head (``microsoft/wavlm-base-plus-sv``)."""

from pathlib import Path

import numpy as np

from espnet_tse.scoring.measure.network_input import RATE, full_scale, repeated
from espnet_tse.scoring.measure.pretrained import load_pretrained

SHORTEST = 5200  # samples: two frames behind the x-vector's convolutions; one has no standard deviation


class WavLMSpeaker:
    """Waveform -> x-vector."""

    def __init__(self, folder: Path):
        """``folder``: WavLMForXVector as transformers saves it, with its feature extractor's settings."""
        import torch
        from transformers import Wav2Vec2FeatureExtractor, WavLMForXVector

        self.torch, self.model = torch, load_pretrained(WavLMForXVector, folder)
        self.extractor = Wav2Vec2FeatureExtractor.from_pretrained(str(folder), local_files_only=True)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Embed (N,) samples at 16 kHz, alone: padding in a batch would leak through the group norm.

        Returns:
            (D,) float32 of unit length.
        """
        signal = repeated(full_scale(samples), SHORTEST)
        inputs = self.extractor(signal, sampling_rate=RATE, return_tensors="pt")
        with self.torch.inference_mode():
            embedding = self.model(inputs.input_values).embeddings[0].numpy()
        return embedding / np.linalg.norm(embedding)

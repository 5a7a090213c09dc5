"""Speaker embeddings of WeSpeaker's ONNX models."""

from pathlib import Path

import numpy as np

from espnet_tse.scoring.measure.network_input import RATE, full_scale, repeated
from espnet_tse.scoring.measure.onnx_session import open_session

SHORTEST = int(0.3 * RATE)  # the network returns NaN for a few frames
BANDS = 80


class WeSpeaker:
    """Waveform -> embedding."""

    def __init__(self, weights: Path):
        """``weights``: an ONNX file with the input ``feats`` (1, T, 80) and the output ``embs``."""
        import torch
        from torchaudio.compliance import kaldi

        torch.set_num_threads(1)
        self.torch, self.kaldi = torch, kaldi
        self.session = open_session(weights)

    def features(self, samples: np.ndarray) -> np.ndarray:
        """(N,) samples at 16 kHz -> (T, 80) Kaldi filterbanks with their mean over time removed.

        Scaled as 16-bit integers: samples within +-1 would hit the floor of the logarithm.
        """
        bands = self.kaldi.fbank(
            self.torch.from_numpy(samples)[None] * 32768,
            sample_frequency=RATE,
            num_mel_bins=BANDS,
            frame_length=25,
            frame_shift=10,
            window_type="hamming",
            dither=0.0,
        ).numpy()
        return bands - bands.mean(axis=0)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Embed (N,) samples at 16 kHz.

        Returns:
            (D,) float32 of unit length.
        """
        features = self.features(repeated(full_scale(samples), SHORTEST))
        embedding = self.session.run(["embs"], {"feats": features[None]})[0][0]
        return embedding / np.linalg.norm(embedding)

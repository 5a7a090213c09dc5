"""Speaker embeddings of Resemblyzer (GE2E d-vectors), from the weights in its wheel.

The wheel's code is not imported: it needs webrtcvad and librosa. The network is three LSTM layers over
40 power-mel bands (not logarithmic), the last hidden state -> linear -> ReLU -> unit length, averaged
over partial utterances of 160 frames every 77. Departure from the wheel: the level is set to -30 dBFS in
both directions and no voice activity detection runs, because the network hears the level (cosine of a
file with itself at a tenth of its gain: 0.930 with the wheel's preprocessing, 1.000 here).
"""

from pathlib import Path

import numpy as np

from espnet_tse.scoring.measure.audio import level_dbfs
from espnet_tse.scoring.measure.mel import mel_power

RATE, HOP, BANDS = 16000, 160, 40
PARTIAL_FRAMES, STEP_FRAMES, MIN_COVERAGE = 160, 77, 0.75
LEVEL_DBFS = -30.0


def partial_starts(num_samples: int) -> list[int]:
    """First frame of each partial utterance; the last one is kept when at least 75 % of it are covered."""
    num_frames = int(np.ceil((num_samples + 1) / HOP))
    starts = list(range(0, max(1, num_frames - PARTIAL_FRAMES + STEP_FRAMES + 1), STEP_FRAMES))
    coverage = (num_samples - starts[-1] * HOP) / (PARTIAL_FRAMES * HOP)
    return starts[:-1] if coverage < MIN_COVERAGE and len(starts) > 1 else starts


class SpeakerEncoder:
    """Waveform -> unit vector of 256."""

    def __init__(self, weights: Path):
        """``weights``: pretrained.pt of the Resemblyzer wheel."""
        import torch

        torch.set_num_threads(1)
        self.torch = torch
        state = torch.load(weights, map_location="cpu", weights_only=True)["model_state"]
        self.lstm = torch.nn.LSTM(BANDS, 256, 3, batch_first=True)
        self.linear = torch.nn.Linear(256, 256)
        for name, module in (("lstm", self.lstm), ("linear", self.linear)):
            prefix = f"{name}."
            module.load_state_dict(
                {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            )
            module.eval()

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Embed (N,) samples at 16 kHz that are not silent.

        Returns:
            (256,) float32 of unit length.
        """
        samples = samples * 10 ** ((LEVEL_DBFS - level_dbfs(samples)) / 20)
        starts = partial_starts(len(samples))
        end = (starts[-1] + PARTIAL_FRAMES) * HOP
        if end >= len(samples):
            samples = np.pad(samples, (0, end - len(samples)))
        mel = mel_power(samples, RATE, n_fft=400, hop=HOP, num_bands=BANDS).astype(np.float32)
        partials = np.stack([mel[start : start + PARTIAL_FRAMES] for start in starts])
        with self.torch.inference_mode():
            _, (hidden, _) = self.lstm(self.torch.from_numpy(partials))
            raw = self.torch.relu(self.linear(hidden[-1])).numpy()
        unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        mean = unit.mean(axis=0)
        return mean / np.linalg.norm(mean)

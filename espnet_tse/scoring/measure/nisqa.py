"""NISQA v2.0 (Mittag et al., INTERSPEECH 2021) as torchmetrics ports it, on a local ``nisqa.tar``."""

from pathlib import Path

import numpy as np

from espnet_tse.scoring.measure.failure import EST, MetricFault
from espnet_tse.scoring.measure.network_input import RATE, equal_parts, full_scale

SHORTEST_S, LONGEST_S, PART_S = 0.15, 52.0, 50.0


class Nisqa:
    """Waveform -> [quality, noisiness, discontinuity, coloration, loudness]."""

    def __init__(self, weights: Path):
        """``weights``: the file ``nisqa.tar``."""
        import torch
        from torchmetrics.functional.audio import nisqa

        torch.set_num_threads(1)
        # torchmetrics knows its weights by this constant and keeps the first it loaded. Where the file is
        # missing it would download one without checking the status of the response.
        nisqa.NISQA_DIR = str(weights.parent)
        nisqa._load_nisqa_model.cache_clear()
        nisqa._load_nisqa_model()
        self.torch, self.predict = torch, nisqa.non_intrusive_speech_quality_assessment

    def __call__(self, samples: np.ndarray) -> list[float]:
        """Scores of (N,) samples at 16 kHz.

        Raises:
            MetricFault: shorter than 0.15 s, a fault of the estimate.
        """
        if len(samples) < SHORTEST_S * RATE:
            raise MetricFault(EST, f"nisqa: {len(samples) / RATE:.3f} s is shorter than {SHORTEST_S} s")
        parts = equal_parts(full_scale(samples), int(LONGEST_S * RATE), int(PART_S * RATE))
        scores = [self.predict(self.torch.from_numpy(part), RATE).double().numpy() for part in parts]
        return [float(x) for x in np.average(scores, axis=0, weights=[len(part) for part in parts])]

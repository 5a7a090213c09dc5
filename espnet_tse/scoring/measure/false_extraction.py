"""What comes out of an extractor when the enrolled speaker says nothing in the mixture."""

import numpy as np

from espnet_tse.scoring.measure.activity import active_frames, frame_energy
from espnet_tse.scoring.measure.audio import fit_length

FLOOR_DB, CAP_DB = -100.0, 20.0


def false_extraction(mixture: np.ndarray, estimate: np.ndarray) -> list[float]:
    """Level and activity of an estimate that should be silent.

    Args:
        mixture: (N,), not silent.
        estimate: (M,); cut or filled with zeros to N, its mean removed. Silence is the right answer.
    Returns:
        [energy of the estimate over that of the mixture in dB, -100 to 20; share of the mixture's active
        frames in which the estimate is active too, by the mixture's threshold].
    """
    estimate = fit_length(estimate, len(mixture))
    mixture, estimate = mixture - np.mean(mixture), estimate - np.mean(estimate)
    energy = np.dot(estimate, estimate) / np.dot(mixture, mixture)
    level = 10 * np.log10(max(energy, 10 ** (FLOOR_DB / 10)))
    active = active_frames(mixture)
    loud = active_frames(estimate, loudest=frame_energy(mixture).max())
    return [float(min(level, CAP_DB)), float(np.mean(loud[active]))]

"""Estimates that are silent for a listener, though not for a limit in dBFS.

Opinion predictors take faint noise for clean silence: white noise at -69 dBFS has an OVRL of 2.0, an untouched mixture
1.7 to 2.5. A quiet copy of speech is no such output: many extractors are trained by measures that do not see the level.
"""

import numpy as np

from espnet_tse.scoring.measure.activity import FRAME, active_frames, frame_energy

SILENT_DB = 40.0  # active level below that of the data: nothing is left to hear
FAINT_DB = 20.0  # from here on, if the level does not even follow the data
FOLLOWS = (
    0.3  # correlation of frame levels; with 54 mixtures at 0 dB: noise at most 0.22, either talker at least 0.37
)
RANGE_DB = 60.0  # of frame levels; digital silence has none


def near_silence(estimate: np.ndarray, *data: np.ndarray) -> str | None:
    """Why an estimate counts as silent beside the data, or None.

    Args:
        estimate: (N,) at 16 kHz, not silent itself.
        data: (M,) at 16 kHz, not silent: the target, the mixture, or both. The first gives the level; following any
            of them is enough.
    """
    levels = [active_level_dbfs(signal) for signal in (data[0], estimate)]
    below = levels[0] - levels[1]
    shown = f"active level {levels[1]:.1f} dBFS, {below:.1f} dB below the data's"
    if below > SILENT_DB:
        return f"nearly silent ({shown}, limit {SILENT_DB:.0f}; if outputs have no level of their own, pass --level peak)"
    if below > FAINT_DB and not any(follows(estimate, signal) for signal in data):
        return f"nearly silent ({shown}, limit {FAINT_DB:.0f} where its level does not follow the data's)"
    return None


def active_level_dbfs(samples: np.ndarray) -> float:
    """RMS of the active frames around the signal's mean, in dB relative to full scale; pauses do not count."""
    samples = samples - np.mean(samples)
    return float(10 * np.log10(frame_energy(samples)[active_frames(samples)].mean() / FRAME))


def follows(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the levels of two signals rise and fall together, over their common length."""
    count = min(len(first), len(second))
    levels = [frame_levels(signal[:count]) for signal in (first, second)]
    if any(np.ptp(level) == 0 for level in levels):
        return False
    return bool(np.corrcoef(*levels)[0, 1] > FOLLOWS)


def frame_levels(samples: np.ndarray) -> np.ndarray:
    """Levels of frames of 10 ms in dB, (T,), at least 60 dB below the loudest."""
    energy = frame_energy(samples - np.mean(samples))
    return 10 * np.log10(np.maximum(energy, np.max(energy, initial=0) * 10 ** (-RANGE_DB / 10)) + 1e-300)

"""What an extractor takes away from the target: its first and last sounds, and parts of its spectrum."""

import numpy as np

from espnet_tse.scoring.measure.activity import FRAME, active_frames, frame_energy
from espnet_tse.scoring.measure.failure import REF, MetricFault
from espnet_tse.scoring.measure.mel import mel_power

EDGE_FRAMES = 10  # 100 ms
MAX_LOSS_DB = 60.0
BANDS, N_FFT, HOP = 24, 512, 256
SUPPRESSED_DB = 10.0
GAIN_STEPS = 5


def edge_losses(target: np.ndarray, estimate: np.ndarray) -> list[float]:
    """Level lost in the first and in the last 100 ms of the target's activity, against its middle.

    With G the energy of the estimate over that of the target in a region, the loss is
    10 log10(G_middle / G_edge) dB, means removed, between 0 (what is boosted makes up for nothing) and 60.

    Args:
        target: (N,).
        estimate: (N,).
    Returns:
        [onset, offset] in dB.
    Raises:
        MetricFault: less than 400 ms lie between the target's first and last sound.
    """
    active = np.flatnonzero(active_frames(target))
    start, end = int(active[0]), int(active[-1]) + 1
    if end - start < 4 * EDGE_FRAMES:
        raise MetricFault(
            REF, f"the target is active for {(end - start) * FRAME / 16000:.2f} s, 0.4 are wanted"
        )
    wanted, got = (frame_energy(samples - np.mean(samples)) for samples in (target, estimate))

    def gain_db(first: int, last: int) -> float:
        return 10 * np.log10(max(got[first:last].sum() / wanted[first:last].sum(), 1e-20))

    middle = gain_db(start + EDGE_FRAMES, end - EDGE_FRAMES)
    edges = gain_db(start, start + EDGE_FRAMES), gain_db(end - EDGE_FRAMES, end)
    return [float(np.clip(middle - edge, 0.0, MAX_LOSS_DB)) for edge in edges]


def over_suppression(target: np.ndarray, estimate: np.ndarray) -> float:
    """Share of the target's energy in time-frequency cells where the estimate is more than 10 dB weaker.

    Cells are 24 mel bands every 16 ms (512-point Hann window); the estimate is first brought to the target's level
    (``matching_gain``).

    Args:
        target: (N,).
        estimate: (N,), not silent.
    Returns:
        0 to 1.
    """
    wanted = np.sqrt(mel_power(target, 16000, N_FFT, HOP, BANDS)).ravel()
    got = np.sqrt(mel_power(estimate, 16000, N_FFT, HOP, BANDS)).ravel()
    suppressed = matching_gain(wanted, got) * got < wanted * 10 ** (-SUPPRESSED_DB / 20)
    return float(np.sum(wanted[suppressed] ** 2) / np.sum(wanted**2))


def matching_gain(wanted: np.ndarray, got: np.ndarray) -> float:
    """The gain between two spectra that most of their common energy agrees on.

    The weighted median of wanted / got, each cell weighing as much as both have of it: cells that
    were removed, or to which something was added, count for little; in a least-squares fit they would dominate.

    Args:
        wanted, got: magnitudes of the same cells; ``got`` is not all zero.
    """
    gain = wanted @ got / (got @ got)
    heard = np.flatnonzero(got > 0)
    ratio = wanted[heard] / got[heard]
    order = np.argsort(ratio)
    for _ in range(GAIN_STEPS):  # the weights depend on the gain
        weight = np.cumsum(np.minimum(wanted[heard], gain * got[heard])[order])
        gain = ratio[order[np.searchsorted(weight, weight[-1] / 2)]]
    return float(gain)

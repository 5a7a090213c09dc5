"""DNSMOS P.835, its personalised version, and DNSMOS P.808, on the ONNX files of the speechmos wheel.

It has a runner of its own, because the wheel's rejects samples beyond +-1, imports librosa and re-creates sessions.
Windows, polynomials and features are those of the DNS-Challenge script, quirks included.
"""

from pathlib import Path
from typing import Iterable, Iterator

import numpy as np

from espnet_tse.scoring.measure.dnsmos_network import HOP, STEP, open_network
from espnet_tse.scoring.measure.mel import mel_power
from espnet_tse.scoring.measure.onnx_session import open_session

RATE = 16000
WINDOW = 144160  # int(9.01 s * 16 kHz)
N_FFT = 321  # of the P.808 features

# Highest power first: (SIG, BAK, OVRL).
REGULAR = (
    (-0.08397278, 1.22083953, 0.0052439),
    (-0.13166888, 1.60915514, -0.39604546),
    (-0.06766283, 1.11546468, 0.04602535),
)
PERSONALISED = (
    (-0.01019296, 0.02751166, 1.19576786, -0.24348726),
    (-0.04976499, 0.44276479, -0.1644611, 0.96883132),
    (-0.00533021, 0.005101, 1.18058466, -0.11236046),
)


def split_windows(samples: np.ndarray) -> list[np.ndarray]:
    """Windows of 9.01 s every second, float32, views of one array.

    Short signals are doubled (appended to themselves, not tiled) until they fill one window, so 3 s
    give three windows and 4.6 s one; of 9.01 to 10.99 s only the first window is heard. Both are
    quirks of the original, kept because published numbers contain them. One is not kept: its index
    arithmetic in seconds rounds windows 7 to 23 one sample short and drops them, so that of 20 s only the
    first 16 are heard (0.04 OVRL measured on one file); up to 16 s of audio the scores are the same.

    Raises:
        ValueError: empty input; the doubling would never end.
    """
    if len(samples) == 0:
        raise ValueError("DNSMOS needs at least one sample.")
    samples = np.clip(samples, -1.0, 1.0).astype(np.float32)
    while len(samples) < WINDOW:
        samples = np.concatenate([samples, samples])
    count = int(np.floor(len(samples) / RATE) - 9.01) + 1
    return [samples[RATE * i : RATE * i + WINDOW] for i in range(count)]


def p808_powers(windows: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Mel power (900, 120) of each window, whose last 160 samples are left out.

    A frame is centred: only the first and the last one see an end. The others are those of the window before, moved.
    """
    power = None
    for window in windows:
        heard = window[:-HOP].astype(np.float64)
        if power is None:
            power = _mel_power(heard)
        else:
            first = _mel_power(heard[:N_FFT])[:1]
            # New are STEP frames, and the one that was the last; a frame more, because the first of these sees the cut.
            last = _mel_power(heard[-HOP * (STEP + 2) :])[1:]
            power = np.concatenate([first, power[STEP + 1 : -1], last])
        yield power


def _mel_power(samples: np.ndarray) -> np.ndarray:
    return mel_power(samples, RATE, n_fft=N_FFT, hop=HOP, num_bands=120)


def p808_features(power: np.ndarray) -> np.ndarray:
    """Input of the P.808 network from mel power: dB below the maximum, at least -80, (dB + 40) / 40."""
    decibel = 10 * np.log10(np.maximum(power, 1e-10))
    decibel -= decibel.max()
    return ((np.maximum(decibel, -80) + 40) / 40).astype(np.float32)


class DNSMOS:
    """P.835 scores, and P.808 where its network is given."""

    def __init__(self, primary: Path, p808: Path | None, personalised: bool = False):
        """``primary``: sig_bak_ovr.onnx; ``p808``: model_v8.onnx or None."""
        self.primary = open_network(primary)
        self.p808 = open_session(p808) if p808 else None
        self.polynomials = PERSONALISED if personalised else REGULAR

    def __call__(self, samples: np.ndarray) -> list[float]:
        """Scores of (N,) samples at 16 kHz: [SIG, BAK, OVRL] and P808 when its network is there."""
        windows = split_windows(samples)
        rows = [
            [float(np.polyval(poly, float(x))) for poly, x in zip(self.polynomials, raw, strict=True)]
            for raw in self.primary(windows)
        ]
        if self.p808:
            for row, power in zip(rows, p808_powers(windows), strict=True):
                row.append(float(self.p808.run(None, {"input_1": p808_features(power)[None]})[0][0][0]))
        return [float(x) for x in np.mean(rows, axis=0)]

"""DNSMOS P.835, its personalised version, and DNSMOS P.808, on the ONNX files of the speechmos wheel.

It has a runner of its own, because the wheel's rejects samples beyond +-1, imports librosa and re-creates sessions.
Windows, polynomials and features are those of the DNS-Challenge script, quirks included.
"""

from pathlib import Path

import numpy as np

from espnet_tse.scoring.measure.mel import mel_power
from espnet_tse.scoring.measure.onnx_session import open_session

RATE = 16000
WINDOW = 144160  # int(9.01 s * 16 kHz)

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
    """Windows of 9.01 s every second, float32.

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
    samples = np.clip(samples, -1.0, 1.0)
    while len(samples) < WINDOW:
        samples = np.concatenate([samples, samples])
    count = int(np.floor(len(samples) / RATE) - 9.01) + 1
    windows = (samples[RATE * i : RATE * i + WINDOW] for i in range(count))
    return [window.astype(np.float32) for window in windows if len(window) == WINDOW]


def p808_features(window: np.ndarray) -> np.ndarray:
    """Log-mel input of the P.808 network, (900, 120): dB below the maximum, at least -80, (dB + 40) / 40."""
    power = mel_power(window[:-160].astype(np.float64), RATE, n_fft=321, hop=160, num_bands=120)
    decibel = 10 * np.log10(np.maximum(power, 1e-10))
    decibel -= 10 * np.log10(max(power.max(), 1e-10))
    return ((np.maximum(decibel, decibel.max() - 80) + 40) / 40).astype(np.float32)


class DNSMOS:
    """P.835 scores, and P.808 where its network is given."""

    def __init__(self, primary: Path, p808: Path | None, personalised: bool = False):
        """``primary``: sig_bak_ovr.onnx; ``p808``: model_v8.onnx or None."""
        self.primary = open_session(primary)
        self.p808 = open_session(p808) if p808 else None
        self.polynomials = PERSONALISED if personalised else REGULAR

    def __call__(self, samples: np.ndarray) -> list[float]:
        """Scores of (N,) samples at 16 kHz: [SIG, BAK, OVRL] and P808 when its network is there."""
        rows = []
        for window in split_windows(samples):
            raw = self.primary.run(None, {"input_1": window[None]})[0][0]
            row = [float(np.polyval(poly, float(x))) for poly, x in zip(self.polynomials, raw, strict=True)]
            if self.p808:
                row.append(float(self.p808.run(None, {"input_1": p808_features(window)[None]})[0][0][0]))
            rows.append(row)
        return [float(x) for x in np.mean(rows, axis=0)]

"""Spectrogram pictures on one colour scale, as PNG data for the page."""

import base64
import io

import numpy as np

# 20 ms windows (50 Hz bins) show harmonics of most voices and still follow consonants.
WINDOW_S = 0.02
# One scale for all pictures of a page: full scale down to 90 dB below a full-scale sine.
FLOOR_DB, CEILING_DB = -90.0, -10.0
MAX_COLUMNS = 480
MAX_HZ = 8000
COLOUR_MAP = "magma"


def spectrogram_db(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Level of each bin relative to a full-scale sine.

    Args:
        samples: (N,) floats in [-1, 1].
        sample_rate: Hz.
    Returns:
        (F, T) in dB, low frequencies first, T at most MAX_COLUMNS; 0 dB is a full-scale sine.
    Raises:
        ValueError: no samples.
    """
    if samples.size == 0:
        raise ValueError("a spectrogram needs at least one sample; the signal is empty.")
    size = int(round(WINDOW_S * sample_rate))
    window = np.hanning(size)
    padded = np.pad(samples, (0, max(0, size - samples.size)))
    # Long signals get a larger hop only up to half overlap; beyond that, neighbouring columns are merged.
    hop = max(size // 4, min(size // 2, padded.size // MAX_COLUMNS))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 / (window.sum() / 2) ** 2
    group = -(-len(power) // MAX_COLUMNS)
    starts = np.arange(0, len(power), group)
    power = np.add.reduceat(power, starts) / np.diff(np.append(starts, len(power)))[:, None]
    kept = int(round(min(MAX_HZ, sample_rate / 2) * WINDOW_S)) + 1
    return 10 * np.log10(power[:, :kept].T + 1e-12)


def spectrogram_png(samples: np.ndarray, sample_rate: int) -> bytes:
    """A palette PNG of F x T pixels, low frequencies at the bottom, see ``spectrogram_db``."""
    from matplotlib import colormaps
    from PIL import Image

    level = spectrogram_db(samples, sample_rate)
    index = np.clip((level - FLOOR_DB) / (CEILING_DB - FLOOR_DB), 0, 1) * 63
    image = Image.fromarray(np.flipud(index.round().astype(np.uint8)), mode="P")
    # 64 colours look the same as 256 here and halve the file.
    palette = (colormaps[COLOUR_MAP](np.linspace(0, 1, 64))[:, :3] * 255).round().astype(np.uint8)
    image.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def data_uri(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"

"""What the page of ``espnet-tse demo`` does, without the page: recordings in, the estimate, pictures and figures out."""

import io
import threading
import time
from dataclasses import dataclass, field

import numpy as np

from espnet_tse.io.audio import resample
from espnet_tse.io.scp import DataError
from espnet_tse.report.spectrogram import spectrogram_png
from espnet_tse.tasks.extractor import Extractor

Recording = tuple[
    int, np.ndarray
]  # Hz; (N,) or (N, channels), integers or floats, as players and microphones give them
LONGEST_S = 60.0  # of a mixture or an enrollment: the page waits for the whole of it
NAMES = ("mixture", "enrollment", "estimate")


@dataclass(frozen=True)
class Heard:
    """What one press of the button gives."""

    estimate: Recording  # int16, (N,), as long as the mixture
    pictures: list[bytes]  # PNG spectrograms of NAMES
    words: str  # Markdown


@dataclass
class Demo:
    """A system behind a page; one extraction at a time, whoever asks."""

    extractor: Extractor
    name: str
    longest_s: float = LONGEST_S
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def extract(self, mixture: Recording | None, enrollment: Recording | None) -> Heard:
        """Extract the speaker of ``enrollment``.

        Args:
            mixture, enrollment: what was uploaded or recorded; None where nothing was. No enrollment where the task has none.
        Raises:
            DataError: one is missing, empty, silent or too long; the sentence is for the user of the page.
        """
        rate, signal = self.heard(mixture, "mixture")
        cue = None
        if self.extractor.wants_enrollment:
            cue_rate, cue = self.heard(enrollment, "enrollment")
            cue = resample(cue, cue_rate, rate)
        with self.lock:
            started = time.perf_counter()
            estimate = self.extractor(signal, cue, rate)
            seconds = time.perf_counter() - started
        estimate = estimate if estimate.ndim == 1 else estimate[0]  # of two talkers the first
        shown = [signal, cue, estimate]
        pictures = [spectrogram_png(part, rate) for part in shown if part is not None]
        return Heard(
            (rate, to_int16(estimate)),
            pictures,
            figures(len(signal) / rate, seconds, rate, self.extractor.sample_rate),
        )

    def heard(self, recording: Recording | None, name: str) -> Recording:
        """(N,) float of what the page was given."""
        if recording is None:
            raise DataError(f"there is no {name} yet: upload a file or record one.")
        rate, samples = recording
        signal = to_mono(np.asarray(samples))
        if len(signal) > self.longest_s * rate:
            raise DataError(
                f"the {name} lasts {len(signal) / rate:.0f} s; this page takes {self.longest_s:.0f} s at most, espnet-tse extract "
                "any length."
            )
        return rate, signal


def to_mono(samples: np.ndarray) -> np.ndarray:
    """(N,) or (N, channels), integers or floats -> (N,) float32 in [-1, 1], the mean of the channels."""
    if np.issubdtype(samples.dtype, np.integer):
        limits = np.iinfo(samples.dtype)  # 8 bit audio is unsigned
        centre, half = (limits.max + 1 + limits.min) / 2, (limits.max + 1 - limits.min) / 2
        samples = (samples - centre) / half
    samples = samples.astype(np.float32)
    return samples if samples.ndim == 1 else samples.mean(axis=1)


def to_int16(samples: np.ndarray) -> np.ndarray:
    """(N,) float -> (N,) int16, turned down as a whole where it would clip."""
    peak = max(1.0, float(np.abs(samples).max()))
    return np.round(samples / peak * 32767).astype(np.int16)


def figures(duration_s: float, seconds: float, rate: int, inside: int) -> str:
    """How long it took, in Markdown."""
    resampling = "" if rate == inside else f" ({rate} Hz in and out, {inside} Hz inside)"
    return (
        f"**{seconds:.2f} s** for {duration_s:.2f} s of audio{resampling}: real-time factor **{seconds / duration_s:.3f}**. A "
        f"whole mixture is extracted at once, so the latency is its length and {1000 * seconds:.0f} ms."
    )


def opened_picture(png: bytes):
    """The picture as the page's library takes it."""
    from PIL import Image

    return Image.open(io.BytesIO(png)).convert("RGB")

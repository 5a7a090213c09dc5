"""How fast a training goes and when it will end."""

import resource
import sys
import time

import torch

from espnet_tse.train.update import UpdateResult


class Progress:
    """Figures since the last message, and the time to go."""

    def __init__(self, num_updates: int):
        """
        Args:
            num_updates: that this start of the training still has to do.
        """
        self.num_updates, self.done = num_updates, 0
        self.started = self.since = time.perf_counter()
        self.waited_s = self.audio_s = 0.0
        self.num_frames = 0

    def add(self, result: UpdateResult, waited_s: float) -> None:
        """Count an update that waited ``waited_s`` seconds for its data."""
        self.done += 1
        self.waited_s += waited_s
        self.audio_s += result.audio_s
        self.num_frames += result.num_frames

    def skip(self) -> None:
        """Leave out of the next figures what was not training: validation, files."""
        self.since, self.waited_s, self.audio_s, self.num_frames = time.perf_counter(), 0.0, 0.0, 0

    def figures(self) -> dict[str, float]:
        """Seconds of mixture and code frames a second over all processes, share of waiting, memory."""
        passed = max(time.perf_counter() - self.since, 1e-9)
        figures = {
            "audio_per_s": self.audio_s / passed,
            "frames_per_s": self.num_frames / passed,
            "data_wait": self.waited_s / passed,
            "peak_memory_GB": peak_memory_gb(),
        }
        self.skip()
        return figures

    def eta_s(self) -> float:
        """Seconds to go, validation and saving included as far as they have been met."""
        return (time.perf_counter() - self.started) / max(self.done, 1) * (self.num_updates - self.done)


def describe(figures: dict[str, float], eta_s: float) -> str:
    """One line of the log."""
    hours, minutes = divmod(int(eta_s) // 60, 60)
    return (
        f"speed: {figures['audio_per_s']:.1f} s of audio/s, {figures['frames_per_s']:.0f} code frames/s, "
        f"data wait {100 * figures['data_wait']:.1f} %, peak memory {figures['peak_memory_GB']:.2f} GB, "
        f"ETA {hours}:{minutes:02d}:{int(eta_s) % 60:02d}"
    )


def peak_memory_gb() -> float:
    """Of this process: of its GPU where it uses one, resident memory otherwise."""
    if torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated() / 2**30
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30

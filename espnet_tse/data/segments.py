"""Parts of recordings: the Kaldi list ``segments``."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path

from espnet_tse.io.scp import DataError, read_scp

MAX_OVERSHOOT_S = 0.5  # of a segment beyond its recording, as in Kaldi's extract-segments


@dataclass(frozen=True)
class Segment:
    """A part of a recording, a line of ``segments``."""

    recording: str
    start_s: float
    end_s: float | None  # None: to the end of the recording

    @classmethod
    def parse(cls, line: str) -> "Segment":
        """``RECORDING START END`` in seconds; an end of -1 is that of the recording.

        Raises:
            ValueError: another form, or times that no part of a recording has.
        """
        fields = line.split()
        try:
            recording, start_s, end_s = fields[0], float(fields[1]), float(fields[2])
        except (IndexError, ValueError):
            raise ValueError(f"'{line}' is not 'RECORDING START END' in seconds") from None
        if len(fields) > 3:
            raise ValueError(f"'{line}' is not 'RECORDING START END' in seconds")
        to_the_end = end_s == -1.0
        if not (0.0 <= start_s < math.inf) or not (to_the_end or start_s < end_s < math.inf):
            raise ValueError(
                f"'{line}': want 0 <= START < END, in seconds, or END -1 for the end of the recording"
            )
        return cls(recording, start_s, None if to_the_end else end_s)

    def span(self, num_samples: int, sample_rate: int) -> tuple[int, int]:
        """First sample and the one behind the last, of a recording of ``num_samples``.

        Raises:
            ValueError: it goes beyond the recording by more than 0.5 s, or begins behind it.
        """
        duration_s = num_samples / sample_rate
        end_s = duration_s if self.end_s is None else self.end_s
        start, end = round(self.start_s * sample_rate), min(round(end_s * sample_rate), num_samples)
        if end_s > duration_s + MAX_OVERSHOOT_S or start >= end:
            raise ValueError(
                f"{self.start_s:g} to {end_s:g} s is not within the recording, which lasts {duration_s:.3f} s"
            )
        if end_s * sample_rate > num_samples + 1:
            logging.warning(
                f"segment {self.start_s:g} to {end_s:g} s of '{self.recording}' is cut at the recording's "
                f"end, {duration_s:.3f} s"
            )
        return start, end


def read_segments(path: Path) -> dict[str, Segment]:
    """Key -> segment; none where there is no such file.

    Raises:
        DataError: a line of another form, or with times that no part of a recording has; names the key.
    """
    if not path.is_file():
        return {}
    segments = {}
    for key, line in read_scp(path).items():
        try:
            segments[key] = Segment.parse(line)
        except ValueError as error:
            raise DataError(f"{path}: key '{key}': {error}.") from None
    return segments

"""Extraction of what is coming in: raw samples or a microphone in, the estimate out as soon as it is known."""

import logging
import time
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generator, Iterable, Iterator

import numpy as np
import torch

from espnet_tse.io.audio import FULL_SCALE, is_unbounded, write_audio_blocks
from espnet_tse.io.files import atomic_write
from espnet_tse.io.microphone import microphone_blocks
from espnet_tse.io.raw_pcm import RAW_SUFFIXES, encoded, read_raw, write_all
from espnet_tse.io.scp import DataError
from espnet_tse.io.until_interrupt import UntilInterrupt
from espnet_tse.models.prepared_input import speech_s
from espnet_tse.models.streaming import ExtractionStream
from espnet_tse.schema.presence import enrollment_in_words
from espnet_tse.tasks.extraction_lists import read_enrollment
from espnet_tse.tasks.extractor import Extractor
from espnet_tse.tasks.kept_inputs import refuse_inputs
from espnet_tse.tasks.presence_record import warn_of_short_speech
from espnet_tse.tasks.signal_faults import refuse_overload

BLOCK_S = 0.01  # of a microphone, in whole hops: a pass for each hop of 0.5 ms costs more than the network


@dataclass
class Pace:
    """Whether a stream keeps up with its input."""

    sample_rate: int  # Hz
    received: int = 0  # samples
    busy_s: float = 0.0
    passes: int = 0
    late: int = 0  # of them, those that took longer than what they were about lasts
    clipped: int = 0  # samples beyond what integers hold
    since_pass: int = 0  # samples

    def add(self, num_samples: int, seconds: float, passed: bool) -> None:
        """Note a block of input; ``passed``: with it there was enough for more of the estimate."""
        self.received += num_samples
        self.since_pass += num_samples
        self.busy_s += seconds
        if passed:
            self.passes += 1
            self.late += seconds > self.since_pass / self.sample_rate
            self.since_pass = 0

    def __str__(self) -> str:
        duration = self.received / self.sample_rate
        line = (
            f"{duration:.2f} s of audio in {self.busy_s:.2f} s (RTF {self.busy_s / duration:.3f}); {self.late} of {self.passes} "
            "blocks took longer than they last"
        )
        return f"{line}; {self.clipped} samples were beyond full scale and clipped" if self.clipped else line


def extract_stream(
    extractor: Extractor,
    source: BinaryIO | str,
    enrollment: str,
    output: BinaryIO | Path,
    sample_format: str,
    sample_rate: int | None = None,
) -> None:
    """Extract until the source ends, or Ctrl-C, which is raised again once the output is complete.

    Args:
        source: raw PCM in ``sample_format``; or ``mic``, ``mic:DEVICE``.
        enrollment: file.
        output: unbuffered, for raw PCM in ``sample_format``; or a file of it (``.raw``, ``.pcm``) or of audio.
        sample_rate: Hz, of source and output; the model's when None.
    Raises:
        DataError: the system cannot stream or works at another rate, the output is the enrollment, or no samples came in, or
            some that are none.
        BrokenPipeError: nobody reads the output any more.
    """
    rate = extractor.sample_rate if sample_rate is None else sample_rate
    if isinstance(output, Path):
        refuse_inputs([output], {"enrollment": enrollment})
    cue = read_enrollment(enrollment, f"enrollment {enrollment}", extractor.sample_rate)
    speech = speech_s(torch.from_numpy(cue), extractor.sample_rate)
    logging.info(enrollment_in_words(len(cue) / extractor.sample_rate, speech))
    warn_of_short_speech({f"enrollment {enrollment}": speech})
    warm_up = extractor.stream(cue, rate)
    hop = warm_up.extractor.hop_length
    warm_up.push(np.zeros(hop, np.float32))  # a network's first pass takes longer than those behind it
    stream, pace = extractor.stream(cue, rate), Pace(rate)
    if isinstance(source, str):
        block = hop * -(-round(BLOCK_S * rate) // hop)
        incoming = microphone_blocks(source, rate, block)
        latency = stream.latency + block - hop
    else:
        incoming = read_raw(source, sample_format)
        latency = stream.latency
    logging.info(
        f"listening at {rate} Hz; algorithmic latency at most {1000 * latency / rate:.1f} ms ({latency} samples)"
    )
    blocks = UntilInterrupt(incoming)
    with closing(live_estimates(stream, blocks, pace)) as pieces:
        try:
            write_live(pieces, output, rate, sample_format, pace)
        finally:
            if pace.received:
                logging.info(f"{pace}")
    if blocks.interrupted:
        raise KeyboardInterrupt


def live_estimates(
    stream: ExtractionStream, blocks: UntilInterrupt[np.ndarray], pace: Pace
) -> Generator[np.ndarray, None, None]:
    """The estimate of (n,) blocks, in pieces."""
    for block in blocks:
        refuse_overload(float(np.abs(block).max(initial=0.0)), "input")
        started = time.perf_counter()
        piece = stream.push(block)
        pace.add(len(block), time.perf_counter() - started, len(piece) > 0)
        yield piece
    if pace.received == 0 and blocks.interrupted:
        raise KeyboardInterrupt
    if pace.received == 0:
        raise DataError("the input ended before its first sample; look at what should write it.")
    yield stream.flush()


def write_live(
    pieces: Iterable[np.ndarray], output: BinaryIO | Path, rate: int, sample_format: str, pace: Pace
) -> None:
    """Write (n,) pieces as they come; a file has its name once it is complete."""
    as_float = sample_format == "f32le"
    in_container = isinstance(output, Path) and output.suffix.lower() not in RAW_SUFFIXES
    if not as_float or (in_container and not is_unbounded(output, as_float)):
        pieces = within_full_scale(pieces, pace)
    if in_container:
        write_audio_blocks(output, pieces, rate, as_float)
        return
    with atomic_write(output, "wb") if isinstance(output, Path) else nullcontext(output) as file:
        for piece in pieces:
            write_all(file, encoded(piece, sample_format))
            file.flush()


def within_full_scale(pieces: Iterable[np.ndarray], pace: Pace) -> Iterator[np.ndarray]:
    """(n,) in [-1, 1]; what is clipped is counted: a stream cannot be turned down as a whole."""
    for piece in pieces:
        pace.clipped += int((np.abs(piece) > FULL_SCALE).sum())
        yield piece.clip(-1.0, 1.0)

"""Extraction of a recording from file to file, chunk by chunk: memory does not grow with its length."""

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from espnet_tse.io.audio import (
    FULL_SCALE,
    is_unbounded,
    read_audio_blocks,
    resampled_blocks,
    write_audio_blocks,
)
from espnet_tse.io.audio_entry import AudioInfo
from espnet_tse.io.signal_level import SignalLevel
from espnet_tse.io.stored_signal import StoredSignal
from espnet_tse.models.level import level_db, restoring_gain
from espnet_tse.models.long_form import Effort, chunk_and_overlap
from espnet_tse.models.prepared_input import offset_of, prepared_enrollment
from espnet_tse.models.recording import Recording
from espnet_tse.tasks.extractor import Extractor, not_finite
from espnet_tse.tasks.signal_faults import refuse_constant, refuse_overload

REPORT_S = 10.0  # between two lines of progress


@dataclass(frozen=True)
class Mixture:
    """A file that is read in pieces."""

    entry: str
    info: AudioInfo  # what its header says
    key: str  # utterance id, which seeds the draws
    role: str  # what messages call it


def is_long(extractor: Extractor, info: AudioInfo) -> bool:
    """Whether a recording is read chunk by chunk.

    A separation, which looks for the best chunk first, is not, and neither is what is told the truth.
    """
    if extractor.conf.task == "ss" or extractor.conf.wants_truth:
        return False
    chunk, _ = chunk_and_overlap(extractor.conf, extractor.sample_rate)
    return -(-info.num_samples * extractor.sample_rate // info.sample_rate) > chunk


def extract_long(
    extractor: Extractor,
    mixture: Mixture,
    enrollment: np.ndarray | None,
    output: Path,
    sample_rate: int | None = None,
    embedding: np.ndarray | None = None,
) -> Effort:
    """Extract one recording; the estimate is that of ``Extractor.extract``.

    Two files of 4 bytes a sample lie beside the output meanwhile.

    Args:
        enrollment: (N_e,) float32 at the model's sample rate; None where the task has none.
        output: the file to write; as float where the mixture holds floats.
        sample_rate: Hz, of the output; the mixture's own when None.
        embedding: (E,) float32, for systems with ``speaker_encoder: given``.
    Raises:
        DataError: as ``Extractor.__call__``.
        OSError: no room on the disk.
    """
    info, role = mixture.info, mixture.role
    rate, inside = info.sample_rate, extractor.sample_rate
    wanted = rate if sample_rate is None else sample_rate
    stored, heard = StoredSignal(output.parent), SignalLevel()
    for block in resampled_blocks(heard.of(read_audio_blocks(mixture.entry)), rate, inside):
        stored.append(block)
    refuse_constant(heard.lowest, heard.highest, role, heard.num_samples, rate)
    refuse_overload(heard.peak(), role)
    offset = offset_of(stored.level.mean, stored.level.std)
    device = next(extractor.model.parameters()).device
    if enrollment is not None:
        cue = torch.from_numpy(enrollment)[None]
        cue = prepared_enrollment(cue, torch.tensor([cue.size(1)]), inside)[0].to(device)
    recording = Recording(
        stored.num_samples,
        inside,
        lambda start, length: torch.from_numpy(stored.span(start, length)) - offset,
        mixture.key,
        None if enrollment is None else cue,
        None if embedding is None else torch.from_numpy(embedding)[None].to(device),
        device,
    )
    effort, estimate, made = Effort(), StoredSignal(output.parent), SignalLevel()
    pieces = extractor.model.extract_recording(
        recording, extractor.conf, extractor.selector, effort, extractor.corrector
    )

    def finite(pieces: Iterable[Tensor]) -> Iterator[np.ndarray]:
        for piece in with_progress(pieces, stored.num_samples, output):
            samples = piece.cpu().numpy()
            if not np.isfinite(samples).all():
                raise not_finite(extractor.name, [mixture.key])
            yield samples

    for block in resampled_blocks(made.of(finite(pieces)), inside, wanted):
        estimate.append(block)
    effort.diagnostics["level_db"] = [level_db(made.norm(), stored.level.norm(offset))]
    # At the lower rate: above its band only one of both has anything.
    compared = (estimate.level, heard) if wanted < inside else (made, stored.level)
    gain = restoring_gain(*compared, extractor.conf.level)
    if not is_unbounded(output, info.is_float):
        gain *= headroom(gain * estimate.level.peak(), output)
    length = info.num_samples if wanted == rate else stored.num_samples
    blocks = (block * np.float32(gain) for block in fitted(estimate.blocks(), length))
    write_audio_blocks(output, blocks, wanted, info.is_float)
    return effort


def headroom(peak: float, output: Path) -> float:
    """Factor with which a signal of this peak can be stored as integers; told where it is not 1.

    Resampling overshoots a little; with ``level: none`` a system may.
    """
    if peak <= FULL_SCALE:
        return 1.0
    logging.warning(f"{output}: turned down by {20 * math.log10(peak):.2f} dB, so that it does not clip")
    return 1.0 / peak


def fitted(blocks: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Blocks cut or zero-padded to ``length`` samples in all."""
    for block in blocks:
        yield block[:length]
        length -= len(block[:length])
    if length:
        yield np.zeros(length, np.float32)


def with_progress(pieces: Iterable[Tensor], num_samples: int, output: Path) -> Iterator[Tensor]:
    """The pieces of an extraction, with a line of progress now and then."""
    started = reported = time.perf_counter()
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        now = time.perf_counter()
        if now - reported > REPORT_S and done < num_samples:
            reported = now
            left = (now - started) * (num_samples - done) / done
            logging.info(f"{output}: {100 * done / num_samples:.0f} % extracted, {left:.0f} s to go")

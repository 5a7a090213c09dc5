"""What extraction takes out of a model's input: constant offsets and the silence of enrollments.

No training data have either, and speaker encoders average over time: with 0.2 of offset a system loses 3 dB,
with 20 s of silence behind 4 s of enrollment 10 dB.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d

from espnet_tse.schema import TSEBatch

OFFSET = 0.05  # of the RMS around it; below, a signal stays as it is, to the last bit
FRAME_S = 0.02
INACTIVE_DB = -40.0  # level of a frame below the loudest twentieth of all frames
FLOOR_DB = 3.0  # level of a frame above the quietest tenth, steady noise where there is such: that is no speech either
BRIDGED_S = 0.4  # pauses within speech, which count as speech
LONG_PAUSE_S = 1.0  # inactive stretches up to here stay whole, longer ones are shortened to KEPT_PAUSE_S
KEPT_PAUSE_S = 0.5


def prepared(batch: TSEBatch) -> TSEBatch:
    """The batch with neither offsets nor long silent stretches in enrollments."""
    batch = replace(batch, mixture=without_offset(batch.mixture, batch.mixture_lengths))
    if batch.enrollment is None:
        return batch
    enrollment, lengths = prepared_enrollment(batch.enrollment, batch.enrollment_lengths, batch.sample_rate)
    return replace(batch, enrollment=enrollment, enrollment_lengths=lengths)


def prepared_enrollment(enrollment: Tensor, lengths: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """(B, N_e) and (B,) without offset, and long pauses shortened."""
    return without_pauses(without_offset(enrollment, lengths), lengths, sample_rate)


def without_offset(signal: Tensor, lengths: Tensor) -> Tensor:
    """(B, N) without the mean of each row's samples where it stands out; the same tensor if none does."""
    offsets = []
    for row, length in zip(signal, lengths.tolist()):
        offsets.append(offset_of(float(row[:length].mean()), float(row[:length].std(correction=0))))
    if not any(offsets):
        return signal
    signal = signal.clone()
    for row, length, offset in zip(signal, lengths.tolist(), offsets):
        row[:length] -= offset
    return signal


def offset_of(mean: float, std: float) -> float:
    """What is to be taken from a signal's samples: their mean where it stands out, or 0."""
    return mean if abs(mean) > OFFSET * std else 0.0


def without_pauses(signal: Tensor, lengths: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Rows whose inactive stretches of more than ``LONG_PAUSE_S`` are shortened; the same tensors if none is.

    Args:
        signal: (B, N), zeros behind a row's length.
        lengths: (B,) int64, samples.
    Returns:
        (B, N') and (B,).
    """
    rows = [row[:length][kept(row[:length], sample_rate)] for row, length in zip(signal, lengths.tolist())]
    shortened = torch.tensor([len(row) for row in rows], device=lengths.device)
    if torch.equal(shortened, lengths):
        return signal, lengths
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), shortened


def kept(signal: Tensor, sample_rate: int) -> Tensor:
    """(N,) bool, False where the middle of a long pause is taken out."""
    frame = frame_length(sample_rate)
    stays = torch.ones(len(signal), dtype=torch.bool, device=signal.device)
    active = active_frames(signal, sample_rate).nonzero()[:, 0].tolist()
    if not active:  # digital silence, which is refused elsewhere, or nothing but steady noise
        return stays
    # From the frame behind an active one to the next active one, or to the signal's ends.
    begins = [0, *((index + 1) * frame for index in active)]
    ends = [*(index * frame for index in active), len(signal)]
    margin = round(KEPT_PAUSE_S / 2 * sample_rate)
    for begin, end in zip(begins, ends):
        if end - begin > LONG_PAUSE_S * sample_rate:
            stays[begin + margin : end - margin] = False
    return stays


def active_frames(signal: Tensor, sample_rate: int) -> Tensor:
    """(T,) bool: which whole frames of ``FRAME_S`` of a signal (N,) are near the level of its loudest, and above its noise.

    None of silence, and of steady noise alone.
    """
    frame = frame_length(sample_rate)
    count = len(signal) // frame
    power = signal[: count * frame].view(count, frame).square().mean(dim=1)
    ordered = power.sort().values
    loud, quiet = ordered[-max(1, count // 20) :].mean(), ordered[: max(1, count // 10)].mean()
    return power > torch.maximum(loud * 10 ** (INACTIVE_DB / 10), quiet * 10 ** (FLOOR_DB / 10))


def frame_length(sample_rate: int) -> int:
    return max(1, round(FRAME_S * sample_rate))


def speech_s(signal: Tensor, sample_rate: int) -> float:
    """Seconds of a signal (N,) that are active, whatever its offset; music and other changing noise is taken for speech."""
    signal = without_offset(signal[None], torch.tensor([len(signal)]))[0]
    return int(bridged(active_frames(signal, sample_rate)).sum()) * frame_length(sample_rate) / sample_rate


def bridged(active: Tensor) -> Tensor:
    """(T,) bool, with the gaps of at most ``BRIDGED_S`` between active frames closed."""
    if not len(active):
        return active
    reach = round(BRIDGED_S / FRAME_S / 2)
    near = max_pool1d(active.float()[None], 2 * reach + 1, 1, reach)
    return max_pool1d(1.0 - near, 2 * reach + 1, 1, reach)[0] == 0.0

"""What tokenizers and autoencoders have in common: streams, and an identity that others depend on."""

import hashlib
import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from espnet_tse.io.slots import Slot
from espnet_tse.schema import Streams
from espnet_tse.schema.padding import valid_mask
from espnet_tse.schema.stream_spec import StreamSpec

FINGERPRINT_S = 1.0  # s of the fixed waveform


class AbsIdentified(nn.Module, ABC):
    """Trained by itself, then frozen: what was made with it can only be used with it.

    The weights' hash tells two of them apart; the fingerprint, what it makes of a fixed waveform, tells
    whether this version of the program still computes with them what it did.
    """

    slots: dict[str, Slot] = {}
    sample_rate: int  # Hz
    config: Any  # what ``from_config`` was given, a dataclass: ``save_codec`` writes it out

    @property
    @abstractmethod
    def streams(self) -> dict[str, StreamSpec]:
        """Names, sizes and rates of what ``streams_of`` returns."""

    @abstractmethod
    def streams_of(self, waveform: Tensor, lengths: Tensor) -> Streams:
        """The streams of a batch; a row is the same whatever its batch mates are.

        Args:
            waveform: (B, N) at ``sample_rate``; what stands behind a row's length is not read.
            lengths: (B,) int64, samples, at least 1.
        """

    @abstractmethod
    def fingerprint(self) -> dict:
        """What it makes of the fixed waveform, as JSON values; ``fingerprint`` is a short text for it."""

    @abstractmethod
    def disagreement(self, manifest: dict) -> str | None:
        """How what it makes of the fixed waveform differs from a manifest's; None where it does not."""

    def fixed_streams(self) -> Streams:
        """The streams of the fixed waveform, on the CPU."""
        device = next(
            (tensor.device for tensor in (*self.parameters(), *self.buffers())), torch.device("cpu")
        )
        waveform = fixed_waveform(self.sample_rate).to(device)
        with torch.no_grad():
            return self.streams_of(waveform, torch.tensor([waveform.size(1)], device=device)).to("cpu")

    def num_parameters(self) -> int:
        """Trained values."""
        return sum(parameter.numel() for parameter in self.parameters())


def fixed_waveform(sample_rate: int) -> Tensor:
    """(1, N) chirp with a slow tremolo and a fixed noise: the same on every machine, no file needed."""
    n = torch.arange(int(FINGERPRINT_S * sample_rate), dtype=torch.float64)
    time = n / sample_rate
    chirp = torch.sin(2 * math.pi * (100 * time + 1000 * time.square()))
    # A linear congruence instead of a random generator, whose draws may change between releases.
    noise = ((n * 7919 + 104729) % 65537) / 65537 - 0.5
    return ((chirp * (0.6 + 0.4 * torch.sin(2 * math.pi * 3 * time)) + 0.1 * noise) * 0.1).float()[None]


def short_hash(values: Tensor) -> str:
    """16 hex digits of the bytes of int32 or float32 values."""
    return hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()[:16]


def as_loud_as(waveform: Tensor, decoded: Tensor, lengths: Tensor) -> Tensor:
    """``decoded`` (B, N') at the length and the RMS of each row of ``waveform`` (B, N), zeros behind its length."""
    decoded = decoded[:, : waveform.size(1)]
    decoded = nn.functional.pad(decoded, (0, waveform.size(1) - decoded.size(1)))
    valid = valid_mask(lengths, decoded.size(1))
    decoded, waveform = decoded * valid, waveform * valid
    given, wanted = ((signal.square().sum(1) / lengths).sqrt() for signal in (decoded, waveform))
    return decoded * (wanted / (given + 1e-8))[:, None]

"""What a condition encoder hands to a generator."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from espnet_tse.schema.rows import BatchedFields, moved, rows_of
from espnet_tse.schema.streams import Streams


class Vectors(dict[str, Tensor]):
    """Name -> (B, E), one vector a row, as the embedding of a speaker."""

    def rows(self, index: Tensor) -> "Vectors":
        """The batch rows of ``index`` (int64)."""
        return Vectors({name: rows_of(vector, index) for name, vector in self.items()})

    def to(self, device: torch.device | str) -> "Vectors":
        return Vectors({name: moved(vector, device) for name, vector in self.items()})


@dataclass
class Conditions(BatchedFields):
    """Sequences and vectors that describe mixture and enrollment, and what a vocoder may filter."""

    streams: Streams  # ``mixture``, ``enrollment``, and what else a system has
    vectors: Vectors = field(default_factory=Vectors)  # ``speaker``, ...
    mixture_waveform: Tensor | None = None  # (B, N), for vocoders that filter it
    mixture_num_samples: Tensor | None = None  # (B,) int64
    enrollment_num_samples: Tensor | None = None  # (B,) int64, for generators that predict the enrollment too

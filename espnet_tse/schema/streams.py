"""Several sequences of one recording under their names, each at its own rate."""

from typing import Union

import torch
from torch import Tensor

from espnet_tse.schema.codes import Codes
from espnet_tse.schema.frames import Frames


class Streams(dict[str, Union[Frames, Codes]]):
    """Name -> ``Frames`` or ``Codes`` of the same B rows.

    Names are the field's: ``acoustic`` (codes of a neural codec), ``semantic`` (units of a self-supervised
    model), ``global`` (codes of the voice, a fixed number a recording), ``latent`` (of a VAE), ``mel``,
    ``embedding`` (sums of codebook vectors); of conditions ``mixture`` and ``enrollment``.
    """

    def __missing__(self, name: str):
        raise KeyError(f"no stream '{name}'; there are: {', '.join(sorted(self)) or 'none'}")

    def rows(self, index: Tensor) -> "Streams":
        """The batch rows of ``index`` (int64)."""
        return Streams({name: stream.rows(index) for name, stream in self.items()})

    def crop(self, starts: Tensor, lengths: Tensor, sample_rate: int) -> "Streams":
        """The part of every stream that belongs to a span of samples of each row, see ``frame_spans``."""
        return Streams({name: stream.crop(starts, lengths, sample_rate) for name, stream in self.items()})

    def to(self, device: torch.device | str) -> "Streams":
        return Streams({name: stream.to(device) for name, stream in self.items()})

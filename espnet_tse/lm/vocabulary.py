"""One range of token numbers for several streams of codes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from espnet_tse.schema import PADDING_CODE

NUM_SPECIALS = 3  # 0, 1, 2: what they mean is the language model's


@dataclass(frozen=True)
class Vocabulary:
    """Special tokens first, then the entries of each stream, one stream behind the other.

    GenTSE: padding, begin, end, then K1 units and, in stage 2, K2 codes. UniSE: the begins of global and
    semantic tokens, the end, then the two streams.
    """

    sizes: dict[str, int]  # stream -> entries, in the order of their numbers

    @property
    def size(self) -> int:
        return NUM_SPECIALS + sum(self.sizes.values())

    def range(self, stream: str) -> tuple[int, int]:
        """First number of a stream, and the one behind its last."""
        first = NUM_SPECIALS
        for name, size in self.sizes.items():
            if name == stream:
                return first, first + size
            first += size
        raise KeyError(f"no stream '{stream}' in a vocabulary of {list(self.sizes)}")

    def tokens(self, stream: str, codes: Tensor) -> Tensor:
        """Numbers of codes of any shape; padding becomes 0.

        Raises:
            ValueError: a code that is none of the stream's.
        """
        first, end = self.range(stream)
        if codes.numel() and (int(codes.max()) >= end - first or int(codes.min()) < PADDING_CODE):
            raise ValueError(
                f"codes of '{stream}' reach {int(codes.max())}, its vocabulary has {end - first} entries; "
                "they are of another tokenizer."
            )
        return torch.where(codes == PADDING_CODE, 0, codes + first)

    def codes(self, stream: str, tokens: Tensor) -> Tensor:
        """The inverse of ``tokens``; what is none of the stream's becomes padding."""
        first, end = self.range(stream)
        return torch.where((tokens >= first) & (tokens < end), tokens - first, PADDING_CODE)

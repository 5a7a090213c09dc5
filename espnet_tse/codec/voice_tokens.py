"""BiCodec's global branch: a fixed number of tokens of a voice, and the vector that they stand for."""

from torch import Tensor, nn

from espnet_tse.codec.ecapa_tdnn import EcapaTDNN
from espnet_tse.codec.finite_scalars import FiniteScalars
from espnet_tse.codec.perceiver_resampler import PerceiverResampler


class VoiceTokens(nn.Module):
    """Mel frames -> ECAPA-TDNN -> perceiver resampler -> finite scalars -> one vector.

    ``resampler`` gives N vectors of width D and ``scalars`` their codes; the voice's vector is linear in all of
    them, laid out by width, then token, as the released weights have it.
    """

    def __init__(
        self,
        ecapa: EcapaTDNN,
        resampler: PerceiverResampler,
        scalars: FiniteScalars,
        token_dim: int,
        num_tokens: int,
        vector_dim: int,
    ):
        super().__init__()
        self.ecapa, self.resampler, self.scalars = ecapa, resampler, scalars
        self.to_scalars = nn.Linear(token_dim, scalars.num_dims)
        self.from_scalars = nn.Linear(scalars.num_dims, token_dim)
        self.output = nn.Linear(num_tokens * token_dim, vector_dim)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Unpadded rows (b, T, num_mels) -> vectors (b, vector_dim), with gradients, and codes (b, N)."""
        levels, codes = self.scalars(self.to_scalars(self.resampler(self.ecapa.frames(mel))))
        return self.vectors_of_levels(levels), codes

    def vectors(self, codes: Tensor) -> Tensor:
        """(b, N) int64 -> (b, vector_dim)."""
        return self.vectors_of_levels(self.scalars.levels(codes))

    def vectors_of_levels(self, levels: Tensor) -> Tensor:
        """(b, N, num_dims) -> (b, vector_dim)."""
        return self.output(self.from_scalars(levels).transpose(1, 2).flatten(1))

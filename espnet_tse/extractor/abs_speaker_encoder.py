"""The contract of speaker encoders: frames of an enrollment become one embedding."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from espnet_tse.layers.sequence_norm import zero_padding


class AbsSpeakerEncoder(nn.Module, ABC):
    """``from_config(config, input_dim)`` builds one for the features of the extractor that asks."""

    output_dim: int  # E
    takes_waveform: bool = False  # an encoder that was trained elsewhere brings its own analysis
    sample_rate: int | None = None  # Hz, of such an encoder

    @abstractmethod
    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """Embed enrollments.

        Args:
            values: (B, T, D) frames, or (B, N) samples where ``takes_waveform``.
            lengths: (B,) valid frames (samples), None where all are.
        Returns:
            (B, E).
        """


def mean_over_time(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean over the valid frames of (B, T, ...) -> (B, ...)."""
    if lengths is None:
        return values.mean(dim=1)
    count = lengths.view(-1, *[1] * (values.dim() - 2)).to(values)
    return zero_padding(values, lengths).sum(dim=1) / count

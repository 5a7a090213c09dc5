"""The contract of speaker encoders: frames of an enrollment become one embedding."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from espnet_tse.io.slots import Slot
from espnet_tse.layers.sequence_norm import zero_padding


class AbsSpeakerEncoder(nn.Module, ABC):
    """``from_config(config, input_dim)`` builds one for the features of the extractor that asks."""

    slots: dict[str, Slot] = {}
    output_dim: int  # E
    takes_waveform: bool = False  # an encoder that was trained elsewhere brings its own analysis
    sample_rate: int | None = None  # Hz, of such an encoder
    frame_dim: int | None = None  # of ``with_frames``, where there is one

    @abstractmethod
    def forward(self, values: Tensor, lengths: Tensor | None) -> Tensor:
        """Embed enrollments.

        Args:
            values: (B, T, D) frames, or (B, N) samples where ``takes_waveform``.
            lengths: (B,) valid frames (samples), None where all are.
        Returns:
            (B, E).
        """

    def with_frames(self, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """The embedding (B, E), the frames that it is pooled of (B, T', ``frame_dim``), and how many a row has (B,).

        Raises:
            NotImplementedError: the encoder has no frames (``frame_dim`` is None).
        """
        raise NotImplementedError(f"{type(self).__name__} has no frames.")


# Of an extractor that is given the speaker as an embedding: it knows the width of the features that it hands
# over.
SPEAKER_ENCODER = Slot("speaker_encoder", deferred=True)


def encoder_of_frames(encoder: AbsSpeakerEncoder) -> AbsSpeakerEncoder:
    """``encoder``, for extractors that hand over features of their own.

    Raises:
        ValueError: it takes waveforms.
    """
    if encoder.takes_waveform:
        raise ValueError(
            f"{type(encoder).__name__} takes waveforms, and this extractor hands over features of its own; "
            "choose another speaker_encoder, or an extractor that hands over the waveform (bsrnn)."
        )
    return encoder


def encoder_at_rate(encoder: AbsSpeakerEncoder, sample_rate: int) -> AbsSpeakerEncoder:
    """``encoder``, for an extractor of ``sample_rate`` Hz.

    Raises:
        ValueError: it takes waveforms of another rate.
    """
    if encoder.sample_rate not in (None, sample_rate):
        raise ValueError(
            f"{type(encoder).__name__} works at {encoder.sample_rate} Hz, but extractor_conf says "
            f"sample_rate: {sample_rate}; choose another speaker_encoder."
        )
    return encoder


def mean_over_time(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean over the valid frames of (B, T, ...) -> (B, ...)."""
    if lengths is None:
        return values.mean(dim=1)
    count = lengths.view(-1, *[1] * (values.dim() - 2)).to(values)
    return zero_padding(values, lengths).sum(dim=1) / count

"""The contract of the ``vocoder`` slot: a prediction becomes a waveform."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.io.slots import Slot
from espnet_tse.layers.condition_sequence import WHICH
from espnet_tse.layers.frozen import HoldsFrozen
from espnet_tse.schema import Conditions, Frames, Prediction


class AbsVocoder(nn.Module, ABC):
    """Prediction (and conditions) -> waveform at the vocoder's own level."""

    slots: dict[str, Slot] = {}

    @abstractmethod
    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        """(B, N') waveform, zeros behind a row's frames; length and level are restored by the model."""


SYNTHESES = ("decode", "filter")


def check_synthesis(name: str, filter_power: float) -> None:
    """Raise ValueError where ``name`` is no way of synthesis, or no mask has such a power."""
    if name not in SYNTHESES:
        raise ValueError(f"synthesis '{name}' is neither 'decode' nor 'filter'.")
    if filter_power <= 0:
        raise ValueError(f"filter_power is {filter_power}, want a positive number.")


def check_conditions(which: str) -> None:
    """Raise ValueError where ``which`` names no choice of the conditions that a refiner sees."""
    if which not in WHICH:
        raise ValueError(f"conditions '{which}' is none of {list(WHICH)}.")


class AbsCodecVocoder(HoldsFrozen, AbsVocoder):
    """A vocoder that refines codec embeddings and ends in a frozen codec.

    The codec is a part of the module but not of its checkpoints.
    """

    def __init__(self, codec: AbsCodec, synthesis: str = "decode", filter_power: float = 1.0):
        """
        Args:
            codec: frozen here.
            synthesis: ``decode`` by the codec's decoder; ``filter`` the mixture by what it draws.
            filter_power: of the filter's mask.
        """
        super().__init__()
        if synthesis == "filter" and not codec.draws_spectrum:
            raise ValueError(
                f"{type(codec).__name__} draws no spectrum to filter with; use synthesis: decode."
            )
        self.synthesis, self.filter_power = synthesis, filter_power
        self.hold("codec", codec)

    @abstractmethod
    def refine(self, conditions: Conditions, coarse: Frames, separator: Tensor | None) -> Frames:
        """Sum of all K codebook embeddings in one pass.

        Args:
            conditions: E_m and E_r, any frame rates.
            coarse: D_n, the first n codebook embeddings summed, (B, T, D) at the codec's frame rate.
            separator: (D,) the token between enrollment and mixture, if any.
        Returns:
            (B, T, D), with the lengths and frame rate of ``coarse``.
        Raises:
            ValueError: ``coarse`` is not at the codec's frame rate.
        """

    def check_rate(self, coarse: Frames) -> None:
        """Raise ValueError where ``coarse`` is not at the codec's frame rate."""
        if coarse.frame_rate != self.codec.frame_rate:
            raise ValueError(
                f"coarse embeddings are at {coarse.frame_rate} Hz but the codec decodes at "
                f"{self.codec.frame_rate} Hz; train the LM on codes of this codec."
            )

    def synthesize(self, prediction: Prediction, conditions: Conditions) -> Tensor:
        """(B, N') from the stream ``embedding``, the refined sum of all K codebooks."""
        embeddings = prediction.streams["embedding"]
        if self.synthesis == "decode":
            return self.codec.decode_embeddings(embeddings)
        if conditions.mixture_waveform is None or conditions.mixture_num_samples is None:
            raise ValueError(
                "synthesis: filter wants an encoder that hands on the mixture's samples, as AbsSharedEncoder "
                "does."
            )
        return self.codec.filter_waveform(
            conditions.mixture_waveform,
            conditions.mixture_num_samples,
            embeddings,
            self.filter_power,
        )

"""The contract of the ``encoder`` slot: a batch becomes conditions."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from espnet_tse.io.slots import Slot
from espnet_tse.schema import Conditions, Frames, Streams, TSEBatch


class AbsConditionEncoder(nn.Module, ABC):
    """Mixture and enrollment -> what a generator is conditioned on.

    The model calls it once a batch, in training and in extraction alike.
    """

    slots: dict[str, Slot] = {}

    @abstractmethod
    def forward(self, batch: TSEBatch) -> Conditions:
        """Encode mixture and enrollment; targets are not read.

        Args:
            batch: B rows, any lengths.
        Returns:
            streams of frames, (B, T, D) each at its own rate and zero at padding, under the names that the
            generators and vocoders of its systems read; most have ``mixture`` (E_m) and ``enrollment`` (E_r),
            which stays a sequence. A row is the same whatever its batch mates are. Encoders whose systems may
            filter the mixture also hand on its samples (``mixture_waveform``).
        """


class AbsSharedEncoder(AbsConditionEncoder):
    """The same weights read mixture and enrollment."""

    slots = {"frontend": Slot("frontend", given=lambda tokenizers: {"codec": tokenizers.get("acoustic")})}

    @abstractmethod
    def encode(self, waveform: Tensor, lengths: Tensor) -> Frames:
        """One signal: (B, N) samples -> (B, T, output_dim) at the front-end's rate, zeros at padding."""

    def forward(self, batch: TSEBatch) -> Conditions:
        """E_m and E_r of a batch (arXiv:2601.06006, Sec. III-B)."""
        streams = Streams(
            mixture=self.encode(batch.mixture, batch.mixture_lengths),
            enrollment=self.encode(batch.enrollment, batch.enrollment_lengths),
        )
        return Conditions(
            streams,
            mixture_waveform=batch.mixture,
            mixture_num_samples=batch.mixture_lengths,
            enrollment_num_samples=batch.enrollment_lengths,
        )


def check_residual(residual: bool, feature_dim: int, output_dim: int) -> None:
    """Raise ValueError where features of one width were to be added to an output of another."""
    if residual and feature_dim != output_dim:
        raise ValueError(
            f"residual adds features of width {feature_dim} to an output of width {output_dim}; "
            "use --frontend codec_latent or residual: false."
        )

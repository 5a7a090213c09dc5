"""The contract of the ``encoder`` slot: a batch becomes conditions."""

from abc import ABC, abstractmethod

import torch
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
        """E_m and E_r of a batch (arXiv:2601.06006, Sec. III-B); without enrollments, E_m alone."""
        streams = Streams(mixture=self.encode(batch.mixture, batch.mixture_lengths))
        if batch.enrollment is not None:
            streams["enrollment"] = self.encode_enrollments(batch)
        return Conditions(
            streams,
            mixture_waveform=batch.mixture,
            mixture_num_samples=batch.mixture_lengths,
            enrollment_num_samples=batch.enrollment_lengths,
        )

    def encode_enrollments(self, batch: TSEBatch) -> Frames:
        """E_r; of rows whose task has no enrollment no frames."""
        if batch.tasks is None:
            return self.encode(batch.enrollment, batch.enrollment_lengths)
        rows = (batch.enrollment_lengths > 0).nonzero()[:, 0]
        if len(rows) == len(batch.enrollment):
            return self.encode(batch.enrollment, batch.enrollment_lengths)
        if len(rows) == 0:  # one sample of silence, for the width and the rate
            silence = batch.mixture.new_zeros(1, 1)
            encoded = self.encode(silence, torch.ones_like(batch.enrollment_lengths[:1]))
            shape = (len(batch.enrollment), 0, encoded.values.size(2))
            return Frames(encoded.values.new_zeros(shape), batch.enrollment_lengths, encoded.frame_rate)
        encoded = self.encode(batch.enrollment[rows], batch.enrollment_lengths[rows])
        shape = (len(batch.enrollment), *encoded.values.shape[1:])
        values = encoded.values.new_zeros(shape).index_copy(0, rows, encoded.values)
        lengths = torch.zeros_like(batch.enrollment_lengths).index_copy(0, rows, encoded.lengths)
        return Frames(values, lengths, encoded.frame_rate)


def check_residual(residual: bool, feature_dim: int, output_dim: int) -> None:
    """Raise ValueError where features of one width were to be added to an output of another."""
    if residual and feature_dim != output_dim:
        raise ValueError(
            f"residual adds features of width {feature_dim} to an output of width {output_dim}; "
            "use --frontend codec_latent or residual: false."
        )

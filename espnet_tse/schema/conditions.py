"""What a condition encoder hands to a generator."""

from dataclasses import dataclass

from torch import Tensor

from espnet_tse.schema.frames import Frames


@dataclass
class Conditions:
    """The mixture and the enrollment as sequences; no system squeezes the enrollment to a vector here."""

    mixture: Frames  # (B, T_m, D)
    enrollment: Frames  # (B, T_e, D)
    # The mixture itself, for vocoders that filter it, with its lengths in samples.
    mixture_waveform: Tensor | None = None  # (B, N)
    mixture_num_samples: Tensor | None = None  # (B,) int64

    def rows(self, index: Tensor) -> "Conditions":
        """The batch rows of ``index`` (int64)."""
        waveform, num_samples = self.mixture_waveform, self.mixture_num_samples
        return Conditions(
            self.mixture.rows(index),
            self.enrollment.rows(index),
            None if waveform is None else waveform[index],
            None if num_samples is None else num_samples[index],
        )

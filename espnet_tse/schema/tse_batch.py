"""One batch of a target speaker extraction corpus, as models receive it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from espnet_tse.schema.codes import Codes


@dataclass
class TSEBatch:
    """Mixtures and enrollments, with the truth where training needs it."""

    mixture: Tensor  # (B, N) float, zero-padded
    mixture_lengths: Tensor  # (B,) int64, samples
    enrollment: Tensor  # (B, N_e) float, zero-padded
    enrollment_lengths: Tensor  # (B,) int64, samples
    sample_rate: int  # Hz
    keys: list[str] | None = None  # utterance ids, B of them
    target: Tensor | None = None  # (B, N) float, the clean target, as long as the mixture
    target_codes: Codes | None = None  # (B, K, T) codes of the target
    speaker: Tensor | None = None  # (B,) int64, number of the target's speaker in training, -1 where unknown
    speaker_embedding: Tensor | None = None  # (B, E) of the enrollment, where another model made it
    extracted: Tensor | None = None  # (B, N) what a front-end has made of mixture and enrollment

    def to(self, device: torch.device | str) -> "TSEBatch":
        moved = {
            name: value.to(device) if isinstance(value, (Tensor, Codes)) else value
            for name, value in vars(self).items()
        }
        return TSEBatch(**moved)

"""One batch of a target speaker extraction corpus, as models receive it."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from espnet_tse.schema.rows import BatchedFields, take_spans
from espnet_tse.schema.streams import Streams

TARGET_PREFIX = "target_"  # in front of a stream's name among ESPnet's named tensors
# The fields of streams, each with its prefix.
STREAM_PREFIXES = {
    "targets": TARGET_PREFIX,
    "mixture_streams": "mixture_",
    "enrollment_streams": "enrollment_",
}
# Extraction; reverse extraction (all but the enrolled speaker); restoration; separation without an
# enrollment.
TASKS = ("tse", "rtse", "sr", "ss")


@dataclass
class TSEBatch(BatchedFields):
    """Mixtures and enrollments, with the truth where training needs it."""

    mixture: Tensor  # (B, N) float, zero-padded
    mixture_lengths: Tensor  # (B,) int64, samples
    enrollment: Tensor | None = None  # (B, N_e) float, zero-padded; None where the task has none (sr, ss)
    enrollment_lengths: Tensor | None = None  # (B,) int64, samples
    sample_rate: int = field(kw_only=True)  # Hz
    keys: list[str] | None = None  # utterance ids, B of them
    target: Tensor | None = None  # (B, N) float, the clean target, as long as the mixture
    targets: Streams = field(default_factory=Streams)  # stored codes, units or latents of the target
    # The same of what is heard, where stage 5 has stored them (``stored_passes``).
    mixture_streams: Streams = field(default_factory=Streams)
    enrollment_streams: Streams = field(default_factory=Streams)
    speaker: Tensor | None = None  # (B,) int64, number of the target's speaker in training, -1 where unknown
    speaker_embedding: Tensor | None = None  # (B, E) of the enrollment, where another model made it
    extracted: Tensor | None = None  # (B, N) what a front-end has made of mixture and enrollment
    task: str = "tse"  # one of TASKS, of the whole batch
    # (B,) int64, the place in TASKS of each row where they are mixed; then ``task`` says only whether there are
    # enrollments. A row that has none has an ``enrollment_lengths`` of 0.
    tasks: Tensor | None = None

    shared = ("sample_rate", "task")

    def __post_init__(self):
        if self.sample_rate < 1:
            raise ValueError(f"sample_rate is {self.sample_rate}, want Hz, a positive whole number.")
        if self.task not in TASKS:
            raise ValueError(f"task '{self.task}' is none of {list(TASKS)}.")

    def task_numbers(self) -> Tensor:
        """(B,) int64, the place of each row's task in TASKS."""
        if self.tasks is not None:
            return self.tasks
        place = TASKS.index(self.task)
        return torch.full((self.mixture.size(0),), place, device=self.mixture.device)

    def crop(self, starts: Tensor, lengths: Tensor) -> "TSEBatch":
        """A span of every row: mixture, target and all that goes with their time; the enrollment stays whole.

        Args:
            starts, lengths: (B,) int64, samples; the spans lie inside the rows.
        Returns:
            rows whose keys are ``key@start``.
        """

        def span(signal: Tensor | None) -> Tensor | None:
            return None if signal is None else take_spans(signal, starts, lengths)

        keys = self.keys and [f"{key}@{start}" for key, start in zip(self.keys, starts.tolist())]
        return replace(
            self,
            mixture=span(self.mixture),
            mixture_lengths=lengths,
            target=span(self.target),
            extracted=span(self.extracted),
            targets=self.targets.crop(starts, lengths, self.sample_rate),
            mixture_streams=self.mixture_streams.crop(starts, lengths, self.sample_rate),
            keys=keys,
        )

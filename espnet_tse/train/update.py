"""One update of the weights: the gradient of a weighted mean over pieces, batches and processes.

Each piece of a batch has its loss times its weight differentiated; the mean over the processes is brought to
a sum and divided by the sum of the weights. So accumulation, the number of processes and a split on
out-of-memory do not change what an update is. The gradients are exchanged in the backward pass of the last
piece, or behind it.
"""

import contextlib
import logging
import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from espnet_tse.io.scp import DataError
from espnet_tse.schema.tse_batch import TARGET_PREFIX
from espnet_tse.train.parallel import clip, passes_alike, sync, wrap
from espnet_tse.train.pieces import (
    Batch,
    Memory,
    TrainingStopped,
    attempt,
    equally_many,
    refuse_shortage,
    within_memory,
)
from espnet_tse.train.processes import gather_over_processes, sum_over_processes, world_size
from espnet_tse.train.step import Phase, Step

ON_THE_HOST = ("_rate", "speaker")  # end the names of what Python reads: on a GPU each pass would wait for it


@dataclass
class UpdateResult:
    """What an update has to report; figures are over all processes."""

    stats: dict[str, float]  # means by weight
    weight: float  # seconds of mixture, of codecs of their segments
    num_frames: int  # code frames of the targets
    # Of the first phase's gradient, before clipping; the largest of groups that are clipped alone.
    norm: float
    times: dict[str, float]  # seconds of this process: forward_time, backward_time, optim_step_time
    # A gradient was not finite, and the weights of its phase stayed; later phases were left out.
    skipped: bool

    @property
    def audio_s(self) -> float:
        return self.weight


@dataclass
class Outcome:
    """Of one pass."""

    stats: dict[str, Tensor]
    weight: Tensor
    num_frames: Tensor
    loss: Tensor
    following: list[Batch] = field(default_factory=list)  # what the next phase is given of the piece

    def take_loss(self) -> Tensor:
        """The loss times the weight, to be differentiated; the outcome keeps no graph."""
        loss, self.loss = self.loss * self.weight.to(self.loss.dtype), self.loss.detach()
        return loss


class Updater:
    """Carries out the updates of a step."""

    def __init__(
        self,
        step: Step,
        device: str,
        precision: torch.dtype | None = None,
        grad_clip: float = 5.0,
        grad_clip_type: float = 2.0,
        max_skipped_updates: int = 10,
        max_piece_s: float | None = None,
        way: str = "ddp",
    ):
        """
        Args:
            precision: type of autocast, None for none; float16 brings a gradient scaler.
            max_skipped_updates: so many updates in a row without a finite gradient end the training.
            max_piece_s: seconds that are computed at once, see ``Memory``; None for whole batches.
            way: how several processes share the work, see ``parallel.wrap``. Weights are spread here.
        """
        self.step, self.device, self.precision = step, device, precision
        self.grad_clip, self.grad_clip_type = grad_clip, grad_clip_type
        self.max_skipped_updates, self.skipped_in_a_row = max_skipped_updates, 0
        self.scaler = torch.amp.GradScaler(device) if precision == torch.float16 else None
        self.memories = [Memory(max_piece_s, step.sample_rate) for _ in step.phases]
        self.wrapped = [wrap(phase.module, phase.optimizer, way) for phase in step.phases]
        self.alike = any(passes_alike(wrapped) for wrapped in self.wrapped)

    def __call__(self, window: list[Batch]) -> UpdateResult:
        """One update from the batches of ``window``, which every process calls with its rows of them.

        Raises:
            TrainingStopped: a single row does not fit into memory, or too many updates were skipped.
        """
        step, results, batches = self.step, [], window
        step.begin()
        for phase, wrapped, memory in zip(step.phases, self.wrapped, self.memories):
            if step.num_updates >= phase.start:
                result, following = self._carry_out(phase, wrapped, memory, batches)
                results.append(result)
                if result.skipped:
                    self._count_skipped(phase, memory, batches)
                    break
                batches = following
        else:
            self.skipped_in_a_row = 0
        if not results[0].skipped:
            step.after_update()
        if self.scaler:
            self.scaler.update()
        step.num_updates += 1
        return joined(results)

    def _carry_out(
        self, phase: Phase, wrapped: nn.Module, memory: Memory, window: list[Batch]
    ) -> tuple[UpdateResult, list[Batch]]:
        """One step of the phase's optimizer; and the batches of the next phase."""
        times = {"forward_time": 0.0, "backward_time": 0.0, "optim_step_time": 0.0}
        before = persistent_buffers(phase.module)
        outcomes, totals = self._gradients(phase, wrapped, memory, window, times)
        refuse_moved_buffers(phase.module, before)
        started = time.perf_counter()
        names = list(outcomes[0].stats)
        if self.scaler:
            self.scaler.unscale_(phase.optimizer)
        norm = clip(clipped_together(phase), self.grad_clip, self.grad_clip_type, world_size() / totals[-2])
        *sums, weight, frames, norm = torch.cat(
            [totals, norm.double()[None]]
        ).tolist()  # waits for the device, once
        skipped = not math.isfinite(norm)
        if not skipped:
            (self.scaler.step(phase.optimizer) if self.scaler else phase.optimizer.step())
        for learner in phase.learners:
            (learner.forget() if skipped else learner.learn())
        phase.optimizer.zero_grad(set_to_none=True)
        times["optim_step_time"] = time.perf_counter() - started
        stats = {name: value / weight for name, value in zip(names, sums)}
        result = UpdateResult(stats, weight, int(frames), norm, times, skipped)
        return result, [batch for outcome in outcomes for batch in outcome.following]

    # --- Passes ---------------------------------------------------------------------------------------

    def _gradients(
        self, phase: Phase, wrapped: nn.Module, memory: Memory, window: list[Batch], times: dict
    ) -> tuple[list[Outcome], Tensor]:
        """Passes over all pieces; behind them gradients are means over the processes of sums over pieces.

        In a backward pass that exchanges, the processes depend on each other, so none may break it off for
        lack of memory. The last piece gets one only if a piece as large has gone through; otherwise all
        pieces are done without, split as they have to be, and the gradients are exchanged behind them, to the
        same sums. Each process decides that by itself.

        Returns:
            the outcomes of this process, and the totals over all.
        """

        def clear() -> None:
            phase.optimizer.zero_grad(set_to_none=True)  # a pass that broke off has left parts of gradients
            for learner in phase.learners:
                learner.forget()

        def forward(piece: Batch, share: float = 1.0) -> Outcome:
            started = time.perf_counter()
            outcome = self._forward(phase.module, piece, share)
            times["forward_time"] += time.perf_counter() - started
            return outcome

        def backward(loss: Tensor) -> None:
            started = time.perf_counter()
            (self.scaler.scale(loss) if self.scaler else loss).backward()
            times["backward_time"] += time.perf_counter() - started

        def alone(piece: Batch, share: float = 1.0) -> Outcome:
            outcome = forward(piece, share)
            backward(outcome.take_loss())
            memory.note(piece)
            return outcome

        if self.alike:
            clear()
            outcomes = [alone(piece, share) for piece, share in equally_many(memory.pieces(window))]
            return outcomes, self._totals(outcomes)
        together = world_size() > 1 and memory.has_held(memory.pieces(window)[-1])
        outcomes, last = within_memory(memory, window, alone, clear, keep_last=together)
        if together:
            outcome = attempt(memory, last, forward)
            if outcome is None:
                together, (outcomes, _) = False, within_memory(memory, window, alone, clear)
            else:
                outcomes.append(outcome)
        loss = outcomes[-1].take_loss() if together else None
        total = stacked(outcomes)
        wait = sum_over_processes(total)
        loss = sync(wrapped, loss)
        if loss is not None:
            with refuse_shortage(memory, last):
                backward(loss)
        wait()
        return outcomes, total

    def _forward(self, module: nn.Module, piece: Batch, share: float = 1.0) -> Outcome:
        keys, data = piece
        data = {
            name: tensor if name.endswith(ON_THE_HOST) else tensor.to(self.device, non_blocking=True)
            for name, tensor in data.items()
        }
        autocast = torch.autocast(self.device, self.precision) if self.precision else contextlib.nullcontext()
        with autocast:
            loss, stats, weight, *following = module(**data, utt_id=keys)
        lengths = [
            data[name].sum().double()
            for name in data
            if name.startswith(TARGET_PREFIX) and name.endswith("_lengths")
        ]
        frames = sum(lengths, weight.new_zeros(()).double())
        stats = {name: value.detach().sum().double() for name, value in stats.items()}
        batches = [(keys, tensors) for tensors in following]
        return Outcome(stats, share * weight.double().sum(), share * frames, loss.sum(), batches)

    # --- What comes of them ---------------------------------------------------------------------------

    def _totals(self, outcomes: list[Outcome]) -> Tensor:
        """``stacked`` over all processes."""
        total = stacked(outcomes)
        sum_over_processes(total)()
        return total

    @torch.no_grad()
    def evaluate(self, batches) -> tuple[dict[str, float], float]:
        """Means of the first phase's statistics over ``batches`` and all processes, and their weight."""
        outcomes, module = [], self.step.phases[0].module
        for batch in batches:
            outcomes += self._evaluated(module, self.memories[0], [batch])
        *sums, weight, _ = self._totals(outcomes).tolist()
        return {name: value / weight for name, value in zip(outcomes[0].stats, sums)}, weight

    def _evaluated(
        self, module: nn.Module, memory: Memory, window: list[Batch], rows: int | None = None
    ) -> list[Outcome]:
        if self.alike:
            pieces = equally_many(memory.pieces(window, rows))
            return [self._forward(module, piece, share) for piece, share in pieces]
        if rows is not None:
            return [self._forward(module, piece) for piece in memory.pieces(window, rows)]
        return within_memory(memory, window, lambda piece: self._forward(module, piece))[0]

    def _count_skipped(self, phase: Phase, memory: Memory, window: list[Batch]) -> None:
        """Log which utterances it was; raise ``TrainingStopped`` at the limit. All processes come here."""
        self.skipped_in_a_row += 1
        culprits = self._culprits(phase, memory, window)
        unit, number = self.step.unit, self.step.number + (phase.name and f" of the {phase.name}")
        logging.warning(f"{unit}{number} skipped, its gradient is not finite: {culprits}")
        if self.skipped_in_a_row >= self.max_skipped_updates:
            raise TrainingStopped(
                f"{self.skipped_in_a_row} {unit}s in a row{number and f' up to{number}'} had no finite "
                f"gradient; at the last {culprits}. Its weights are those before them. Look at these files "
                f"(espnet-tse validate), or {self.step.advice}."
            )

    @torch.no_grad()
    def _culprits(self, phase: Phase, memory: Memory, window: list[Batch]) -> str:
        """The rows whose loss is not finite, each by itself and without dropout."""
        keys = [key for batch in window for key in batch[0]]
        self.step.train(False)
        outcomes = self._evaluated(phase.module, memory, window, rows=1)
        self.step.train(True)
        guilty = [key for key, outcome in zip(keys, outcomes) if not math.isfinite(float(outcome.loss))]
        guilty, keys = gather_over_processes(guilty), gather_over_processes(keys)
        return f"the loss is not finite for {guilty}" if guilty else f"losses are finite; utterances {keys}"


def stacked(outcomes: list[Outcome]) -> Tensor:
    """Sums over pieces: of each statistic times the weight, then of weights and code frames."""
    rows = []
    for outcome in outcomes:
        sums = [value * outcome.weight for value in outcome.stats.values()]
        rows.append(torch.stack([*sums, outcome.weight, outcome.num_frames]))
    return torch.stack(rows).sum(dim=0)


def joined(results: list[UpdateResult]) -> UpdateResult:
    """The result of an update from those of its phases."""
    first = results[0]
    stats = {name: value for result in results for name, value in result.stats.items()}
    times = {name: sum(result.times[name] for result in results) for name in first.times}
    return UpdateResult(stats, first.weight, first.num_frames, first.norm, times, results[-1].skipped)


def clipped_together(phase: Phase) -> list[list[nn.Parameter]]:
    """Weights that share a norm: each group of the optimizer that says ``clipped_alone``, and all others."""
    trained = [weight for weight in phase.module.parameters() if weight.requires_grad]
    alone = [group["params"] for group in phase.optimizer.param_groups if group.get("clipped_alone")]
    taken = {id(weight) for group in alone for weight in group}
    rest = [weight for weight in trained if id(weight) not in taken]
    return [rest, *(group for group in alone if any(weight.grad is not None for weight in group))]


def persistent_buffers(module: nn.Module) -> dict[str, tuple[Tensor, int]]:
    """The buffers that a checkpoint holds, and how often each has been written to."""
    return {
        f"{prefix}.{name}" if prefix else name: (buffer, buffer._version)
        for prefix, owner in module.named_modules()
        for name, buffer in owner._buffers.items()
        if buffer is not None and name not in owner._non_persistent_buffers_set
    }


def refuse_moved_buffers(module: nn.Module, before: dict[str, tuple[Tensor, int]]) -> None:
    """Raise DataError if a pass has changed a buffer: nobody could undo that, or tell other processes."""
    for name, (buffer, version) in persistent_buffers(module).items():
        if name not in before or buffer is not before[name][0] or version != before[name][1]:
            raise DataError(
                f"{type(module).__name__}: the buffer {name} changes in the forward pass, as the running "
                "statistics of batch norm do. An update that is skipped could not take it back, and "
                "processes would drift apart; use group norm, or collect in the forward pass and write in "
                "learn() (train/step.py)."
            )

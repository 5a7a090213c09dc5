"""One update of the weights: the gradient of a weighted mean over pieces, batches and processes.

Each piece of a batch has its loss times its weight differentiated; the sum over everything is divided by
the sum of the weights. So accumulation, the number of processes and a split on out-of-memory do not change
what an update is, and gradients are exchanged once. DistributedDataParallel exchanges in every backward
pass and cannot take a pass that one process has to split.
"""

import contextlib
import logging
import math
import time
from dataclasses import dataclass

import torch
from espnet2.torch_utils.device_funcs import to_device
from torch import Tensor, nn

from espnet_tse.io.scp import DataError
from espnet_tse.schema.tse_batch import TARGET_PREFIX
from espnet_tse.train.processes import gather_over_processes, sum_over_processes, world_size

Batch = tuple[list[str], dict[str, Tensor]]  # keys and padded tensors by ESPnet's names


class TrainingStopped(DataError):
    """Going on would be of no use."""


@dataclass
class UpdateResult:
    """What an update has to tell; figures are over all processes."""

    stats: dict[str, float]  # means by weight
    weight: float
    audio_s: float  # seconds of mixture
    num_frames: int  # code frames of the targets
    norm: float  # of the gradient, before clipping; of the group with the largest, where some are clipped alone
    times: dict[str, float]  # seconds of this process: forward_time, backward_time, optim_step_time
    skipped: bool  # the gradient was not finite, the weights stayed


class Updater:
    """Carries out updates of ``model`` by ``optimizer``."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        device: str,
        precision: torch.dtype | None = None,
        grad_clip: float = 5.0,
        grad_clip_type: float = 2.0,
        max_skipped_updates: int = 10,
        max_piece_s: float | None = None,
    ):
        """
        Args:
            precision: type of autocast, None for none; float16 brings a gradient scaler.
            max_skipped_updates: so many updates in a row without a finite gradient end the training.
            max_piece_s: seconds that are computed at once, see ``padded_samples``; None for whole batches.
        """
        self.model, self.optimizer, self.device, self.precision = model, optimizer, device, precision
        self.grad_clip, self.grad_clip_type = grad_clip, grad_clip_type
        self.max_skipped_updates, self.skipped_in_a_row = max_skipped_updates, 0
        self.scaler = torch.amp.GradScaler(device) if precision == torch.float16 else None
        # Of a piece, see ``padded_samples``: the budget, lowered by shortages.
        self.max_samples = None if max_piece_s is None else round(max_piece_s * model.sample_rate)

    def __call__(self, window: list[Batch]) -> UpdateResult:
        """One update from the batches of ``window``, which every process calls with its rows of them.

        Raises:
            TrainingStopped: a single row does not fit into memory, or too many updates were skipped.
        """
        times = {"forward_time": 0.0, "backward_time": 0.0, "optim_step_time": 0.0}
        outcomes = self._within_memory(window, lambda piece: self._backward(piece, times))
        stats, weight, counts = self._totals(outcomes)
        started = time.perf_counter()
        norm = self._average_and_clip(weight)
        skipped = not math.isfinite(norm)
        if skipped:
            self._count_skipped(window)
        else:
            self.skipped_in_a_row = 0
            (self.scaler.step(self.optimizer) if self.scaler else self.optimizer.step())
        if self.scaler:
            self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        times["optim_step_time"] = time.perf_counter() - started
        return UpdateResult(stats, weight, counts[0], int(counts[1]), norm, times, skipped)

    @torch.no_grad()
    def evaluate(self, batches) -> tuple[dict[str, float], float]:
        """Means of the statistics over ``batches`` and all processes, and the weight they stand for."""
        outcomes = []
        for batch in batches:
            outcomes += self._within_memory([batch], self._forward)
        return self._totals(outcomes)[:2]

    def _forward(self, piece: Batch) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        """stats, weight, counts (seconds of mixture, code frames) and the loss of a piece."""
        keys, data = piece
        data = {name: tensor.to(self.device, non_blocking=True) for name, tensor in data.items()}
        autocast = torch.autocast(self.device, self.precision) if self.precision else contextlib.nullcontext()
        with autocast:
            loss, stats, weight = self.model(**to_device(data, self.device), utt_id=keys)
        names = [name for name in data if name.startswith(TARGET_PREFIX) and name.endswith("_lengths")]
        frames = sum((data[name].sum() for name in names), torch.zeros(1, dtype=torch.int64).sum()).to(self.device)
        audio = data["speech_mix_lengths"].sum() / self.model.sample_rate
        weight = weight.double().sum()
        return stats, weight, torch.stack([audio, frames]).double(), loss.sum()

    def _backward(self, piece: Batch, times: dict[str, float]):
        started = time.perf_counter()
        stats, weight, counts, loss = self._forward(piece)
        between = time.perf_counter()
        weighted = loss * weight.to(loss.dtype)
        (self.scaler.scale(weighted) if self.scaler else weighted).backward()
        times["forward_time"] += between - started
        times["backward_time"] += time.perf_counter() - between
        return stats, weight, counts, loss.detach()

    def _within_memory(self, window: list[Batch], work) -> list:
        """``work`` of every piece; after a shortage all over again with pieces of half the size."""
        while True:
            self.optimizer.zero_grad(set_to_none=True)  # a pass that broke off has left parts of gradients
            pieces = [piece for batch in window for piece in split_rows(batch, self._rows_that_fit(batch))]
            outcomes: list = []
            shortage = None
            for piece in pieces:
                try:
                    outcomes.append(work(piece))
                except (MemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error):
                        raise
                    shortage = str(error).splitlines()[0]
                if shortage is not None:
                    break
            if shortage is None:
                return outcomes
            # Here the frames that the exception held, and their tensors, are gone.
            self._make_smaller(piece, shortage)

    def _rows_that_fit(self, batch: Batch) -> int:
        if self.max_samples is None:
            return len(batch[0])
        return max(1, self.max_samples // padded_samples(batch))

    def _make_smaller(self, piece: Batch, shortage: str) -> None:
        keys, samples = piece[0], padded_samples(piece)
        rows = len(keys)
        if rows == 1:
            raise TrainingStopped(
                f"{keys[0]} alone ({samples / self.model.sample_rate:.1f} s) does not fit into memory "
                f"({shortage}); lower --crop_s or --enrollment_s, or set --activation_checkpointing true."
            )
        self.max_samples = rows // 2 * samples
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        logging.warning(
            f"out of memory at {rows} rows of {samples / self.model.sample_rate:.1f} s ({shortage}); batches are "
            f"split into pieces of {rows // 2} such rows from here. --max_piece_s "
            f"{self.max_samples / self.model.sample_rate:.0f} does so from the start."
        )

    def _totals(self, outcomes: list) -> tuple[dict[str, float], float, list[float]]:
        """Means, sum of weights and sums of counts over pieces and processes, in one exchange."""
        names = sorted(outcomes[0][0])
        rows = [
            torch.cat([torch.stack([stats[n].sum().double() for n in names]) * w, w[None], counts])
            for stats, w, counts, _ in outcomes
        ]
        total = torch.stack(rows).sum(dim=0)
        sum_over_processes([total])
        *sums, weight, audio, frames = total.tolist()
        return {name: value / weight for name, value in zip(names, sums)}, weight, [audio, frames]

    def _average_and_clip(self, weight: float) -> float:
        """Turn the sums of gradients into means over all processes, clip them; the norm before."""
        trained = [p for p in self.model.parameters() if p.requires_grad]
        if world_size() > 1:
            for parameter in trained:  # one that a rank's batch did not touch
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in trained if p.grad is not None]
        sum_over_processes(gradients)
        if self.scaler:
            self.scaler.unscale_(self.optimizer)
        torch._foreach_div_(gradients, weight)
        norms = [
            torch.nn.utils.clip_grad_norm_(group, self.grad_clip, norm_type=self.grad_clip_type)
            for group in self._clipped_together(trained)
        ]
        return float(torch.stack(norms).max())  # not a number where one of them is none

    def _clipped_together(self, trained: list[nn.Parameter]) -> list[list[nn.Parameter]]:
        """Parameters that share a norm: each group of the optimizer that says ``clipped_alone``, and all others."""
        alone = [group["params"] for group in self.optimizer.param_groups if group.get("clipped_alone")]
        taken = {id(parameter) for group in alone for parameter in group}
        rest = [parameter for parameter in trained if id(parameter) not in taken]
        return [rest, *(group for group in alone if any(parameter.grad is not None for parameter in group))]

    def _count_skipped(self, window: list[Batch]) -> None:
        """Log which utterances it was; raise ``TrainingStopped`` at the limit. All processes come here."""
        self.skipped_in_a_row += 1
        guilty = [
            key
            for batch in window
            for piece in split_rows(batch, 1)
            for key in piece[0]
            if not self._loss_is_finite(piece)
        ]
        guilty = gather_over_processes(guilty)
        everyone = gather_over_processes([key for keys, _ in window for key in keys])
        culprits = f"the loss is not finite for {guilty}" if guilty else f"losses are finite; utterances {everyone}"
        logging.warning(f"update skipped, its gradient is not finite: {culprits}")
        if self.skipped_in_a_row >= self.max_skipped_updates:
            raise TrainingStopped(
                f"{self.skipped_in_a_row} updates in a row had no finite gradient; at the last {culprits}. "
                "The weights are those before them. Look at these files (espnet-tse validate), or lower "
                "optim_conf lr or --grad_clip; --max_skipped_updates sets the limit."
            )

    @torch.no_grad()
    def _loss_is_finite(self, piece: Batch) -> bool:
        return bool(torch.isfinite(self._forward(piece)[3]))


def padded_samples(batch: Batch) -> int:
    """Samples a row of mixture and enrollment, padding included: both are frames of one sequence."""
    data = batch[1]
    return sum(data[name].size(1) for name in ("speech_mix", "enroll_ref1") if name in data)


def split_rows(batch: Batch, rows: int) -> list[Batch]:
    """A batch as pieces of at most ``rows`` rows; what is not one value a row goes into each."""
    keys, data = batch
    if len(keys) <= rows:
        return [batch]
    pieces = []
    for begin in range(0, len(keys), rows):
        part = slice(begin, begin + rows)
        cut = {name: value[part] if len(value) == len(keys) else value for name, value in data.items()}
        pieces.append((keys[part], cut))
    return pieces


def is_out_of_memory(error: BaseException) -> bool:
    """A shortage of memory, of a GPU or of processors."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "DefaultCPUAllocator" in str(error) or "out of memory" in str(error)

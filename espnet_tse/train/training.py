"""The training loop: epochs of updates, validation, checkpoints; exact after any interruption.

What an update is says the step, what is noted of it the record: systems and codecs differ in these two.
"""

import contextlib
import logging
import time
from itertools import islice
from typing import Iterable, Iterator, Protocol

import torch

from espnet_tse.train.checkpoint import CHECKPOINT, CheckpointError, read_checkpoint, save_checkpoint
from espnet_tse.train.kept_settings import tell_kept
from espnet_tse.train.moving_average import MovingAverage
from espnet_tse.train.options import LoopOptions
from espnet_tse.train.parallel import full_state
from espnet_tse.train.pieces import Batch
from espnet_tse.train.processes import rank, wait_for_all_processes, world_size
from espnet_tse.train.random_state import random_states_of_all_ranks, seed_epoch, set_random_state
from espnet_tse.train.record import AbsRecord
from espnet_tse.train.step import Step
from espnet_tse.train.update import Updater, UpdateResult


class BatchSource(Protocol):
    """Where batches come from; the same for any number of starts."""

    def batches(self, epoch: int) -> list: ...

    def build_iter(self, epoch: int, first_batch: int = 0) -> Iterable[Batch]: ...


class Training:
    """Trains in place; ``run`` returns when the last epoch is done or nothing improves."""

    def __init__(
        self,
        step: Step,
        record: AbsRecord,
        train_batches: BatchSource,
        valid_batches: BatchSource,
        options: LoopOptions,
    ):
        self.step, self.record, self.options = step, record, options
        self.train_batches, self.valid_batches = train_batches, valid_batches
        self.average: MovingAverage | None = None

    def run(self) -> None:
        """Train from the checkpoint, or from the start.

        Raises:
            CheckpointError: it cannot be read, written or continued.
            TrainingStopped: too many updates were skipped, or one row is too much for the memory.
            DataError: a criterion names what is not measured, or the schedule of the learning rate is too short.
        """
        self.options.folder.mkdir(parents=True, exist_ok=True)
        states = read_checkpoint(self.options.folder) if self.options.resume else None
        done, place = self._resume(states) if states is not None else self._begin()
        ahead = range(done + 1, self.record.num_epochs + 1)
        done_in = {done + 1: place["num_updates"]} if place else {}
        self.step.check_schedule(
            ahead, lambda epoch: self._num_updates(epoch) - done_in.get(epoch, 0), states is not None
        )
        self._spread(states)
        if states is None:
            # A misspelt criterion, or validation data that cannot be read, show now and not after an epoch.
            self.record.check(self._evaluate(islice(self.valid_batches.build_iter(1), 1))[0])
        self.record.open(self._updates_to_go(done + 1, place))
        for epoch in ahead:
            if self.record.nothing_improves():
                break
            self._train_epoch(epoch, place)
            place, done = None, epoch
            self.record.validated(epoch, *self._evaluate(self.valid_batches.build_iter(epoch)))
            self._end_epoch(epoch)
        self.record.close()
        wait_for_all_processes()
        logging.info(f"The training was finished at {done} epochs")

    def _begin(self) -> tuple[int, None]:
        self.step.prepare()
        return 0, None

    def _spread(self, states: dict | None) -> None:
        """Hand the weights, as they are, to all processes."""
        options = self.options
        device = "cuda" if options.ngpu > 0 else "cpu"
        if options.use_amp:
            # For what autocast leaves in float32, as statistics and spectra; without effect on processors.
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        self.updater = Updater(
            self.step,
            device,
            autocast_type(device) if options.use_amp else None,
            options.grad_clip,
            options.grad_clip_type,
            options.max_skipped_updates,
            options.max_piece_s,
            options.parallel,
        )
        if options.ema_decay is not None:
            self.average = MovingAverage(self.step.model, options.ema_decay)
        if states is not None:
            with self._of_this_training():
                self._resume_updater(states)

    def _updates_to_go(self, epoch: int, place: dict | None) -> int:
        """Updates from the start of ``epoch`` (or from within it) to the end of the training."""
        done = place["num_updates"] if place else 0
        return max(0, (self.record.num_epochs - epoch + 1) * self._num_updates(epoch) - done)

    def _num_updates(self, epoch: int) -> int:
        """Of a whole epoch."""
        return -(-len(self.train_batches.batches(epoch)) // self.options.accum_grad)

    # --- One epoch ------------------------------------------------------------------------------------

    def _train_epoch(self, epoch: int, place: dict | None) -> None:
        options = self.options
        first, num_updates = (place["num_batches"], place["num_updates"]) if place else (0, 0)
        total = len(self.train_batches.batches(epoch))
        if place and place["total_batches"] != total:
            raise CheckpointError(
                f"the checkpoint was written inside an epoch of {place['total_batches']} batches that now "
                f"has {total}; give the original data and batch options, or start in another --output_dir."
            )
        seed_epoch(options.seed, epoch, rank())
        if place and place["random_states"]:
            restore_draws(place["random_states"])
        batches = iter(self.train_batches.build_iter(epoch, first_batch=first))
        self.step.train()
        last = -(-total // options.accum_grad)
        self.record.start_epoch(epoch, last, place)
        started = time.perf_counter()
        for window, waited_s in windows(batches, options.accum_grad):
            result = self.updater(window)
            num_updates += 1
            first += len(window)
            self._after_update(result, waited_s, time.perf_counter() - started)
            started = time.perf_counter()
            if num_updates < last and self.record.is_checkpoint_due():
                place = {"num_batches": first, "num_updates": num_updates, "total_batches": total}
                self._save(epoch - 1, {**place, **self.record.place()})

    def _after_update(self, result: UpdateResult, waited_s: float, passed_s: float) -> None:
        if self.average is not None and not result.skipped:
            self.average.update()
        scaler = self.updater.scaler
        rates = {"loss_scale": scaler.get_scale() if scaler else 1.0}
        for i, phase in enumerate(self.step.phases):
            rates |= {f"optim{i}_lr{j}": group["lr"] for j, group in enumerate(phase.optimizer.param_groups)}
        self.record.add(result, waited_s, passed_s, rates)

    def _evaluate(self, batches: Iterable[Batch]) -> tuple[dict[str, float], float]:
        """With the averaged weights, where there are some: what is measured is what is kept."""
        self.step.train(False)
        if self.average is None:
            return self.updater.evaluate(batches)
        with self.average.in_the_model():
            return self.updater.evaluate(batches)

    def _end_epoch(self, epoch: int) -> None:
        self.step.after_epoch(self.record.value_of)
        self.record.keep(epoch, self._weights_to_keep())
        self._save(epoch, None)
        self.record.publish(epoch)

    def _weights_to_keep(self) -> dict:
        if self.average is None:
            return full_state(self.step.model.state_dict())
        with self.average.in_the_model():
            return {name: value.clone() for name, value in full_state(self.step.model.state_dict()).items()}

    # --- Files ----------------------------------------------------------------------------------------

    def _save(self, epoch: int, place: dict | None) -> None:
        """Everything that the next update depends on; every process has to call this.

        Args:
            epoch: the last whole one.
            place: in the epoch behind it, None at its start.
        """
        scaler, step = self.updater.scaler, self.step
        states = {
            **{name: full_state(part.state_dict()) for name, part in step.parts.items()},
            "optimizers": [full_state(phase.optimizer.state_dict()) for phase in step.phases],
            "scaler": scaler.state_dict() if scaler else None,
            "ema": self.average.state_dict() if self.average is not None else None,
            "skipped_in_a_row": self.updater.skipped_in_a_row,
            **step.state_dict(),
            **self.record.state_dict(epoch),
        }
        random_states = random_states_of_all_ranks()
        if rank() == 0:
            position = None if place is None else {**place, "random_states": random_states}
            save_checkpoint(self.options.folder, {**states, "position": position})

    def _resume(self, states: dict) -> tuple[int, dict | None]:
        """Weights and optimizers, before they are spread -> epochs that are done, place in the next one."""
        done, place = self.record.resume(states)  # first, for what it says of a checkpoint of other options
        given = self.step.settings()
        with self._of_this_training():
            for name, part in self.step.parts.items():
                part.load_state_dict(states[name])
            for phase, state in zip(self.step.phases, states["optimizers"], strict=True):
                phase.optimizer.load_state_dict(state)
            self.step.load_state_dict(states)
            tell_kept(self.options.folder / CHECKPOINT, given, self.step.settings())
        where = f"{done} epochs" + (f" and {place['num_updates']} updates" if place else "")
        logging.info(f"The training was resumed using {self.options.folder}/checkpoint.pth: {where} are done")
        return done, place

    def _resume_updater(self, states: dict) -> None:
        if self.updater.scaler and states["scaler"] is not None:
            self.updater.scaler.load_state_dict(states["scaler"])
        self.updater.skipped_in_a_row = states.get("skipped_in_a_row", 0)
        if self.average is not None and states["ema"] is not None:
            self.average.load_state_dict(states["ema"])
        elif self.average is not None:
            logging.warning("the checkpoint has no moving average; it starts from the current weights")

    @contextlib.contextmanager
    def _of_this_training(self) -> Iterator[None]:
        """States that do not fit are of another training."""
        try:
            yield
        except (KeyError, ValueError, RuntimeError) as error:
            # Of a model PyTorch lists every weight; the first two say enough.
            cause = "; ".join(line.strip() for line in str(error).splitlines()[:3])
            raise CheckpointError(
                f"the checkpoint in {self.options.folder} is of another system or optimizer ({cause}); "
                "give the original options, or start in another --output_dir."
            ) from error


def restore_draws(states: list[dict]) -> None:
    """The random state of this process among those of all."""
    if len(states) == world_size():
        set_random_state(states[rank()])
    else:
        logging.warning(
            f"the checkpoint is of {len(states)} processes, now there are {world_size()}: dropout draws again"
        )


def autocast_type(device: str) -> torch.dtype | None:
    """bfloat16, which needs no scaling of the loss; float16 on GPUs without it; None on CPUs without it.

    Without kernels for it (AVX-512 on x86) PyTorch computes in bfloat16 all the same, ten times slower than
    in float32.
    """
    if device != "cpu":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return torch.bfloat16
    logging.warning(
        "this processor has no kernels for bfloat16 (on x86: AVX-512); --use_amp computes in float32 here"
    )
    return None


def windows(batches: Iterator[Batch], size: int) -> Iterator[tuple[list[Batch], float]]:
    """Up to ``size`` batches at a time, and the seconds they were waited for; the last may be fewer."""
    while True:
        started = time.perf_counter()
        window = list(islice(batches, size))
        if not window:
            return
        yield window, time.perf_counter() - started

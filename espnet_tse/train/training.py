"""The training loop: epochs of updates, validation, checkpoints; exact after any interruption.

ESPnet's loop is not extended but replaced: it steps the optimizer, writes files and counts in one long
method. Its reporter, log format, file names and options stay.
"""

import logging
import time
from itertools import islice
from typing import Iterable, Iterator

import torch
import torch.distributed as dist
from espnet2.schedulers.abs_scheduler import (
    AbsBatchStepScheduler,
    AbsEpochStepScheduler,
    AbsValEpochStepScheduler,
)
from espnet2.train.reporter import Average, Reporter, SubReporter, WeightedAverage

from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.train.checkpoint import CheckpointError, read_checkpoint, save_checkpoint, write_tensors
from espnet_tse.train.model_files import publish, ranked_epochs, write_averages
from espnet_tse.train.moving_average import MovingAverage
from espnet_tse.train.options import TrainingOptions
from espnet_tse.train.processes import start_alike, wait_for_all_processes, world_size
from espnet_tse.train.progress import Progress, describe
from espnet_tse.train.random_state import random_states_of_all_ranks, seed_epoch, set_random_state
from espnet_tse.train.update import Batch, Updater, UpdateResult


class Training:
    """Trains ``model`` in place; ``run`` returns when the last epoch is done or nothing improves."""

    def __init__(self, model, optimizer, scheduler, train_batches, valid_batches, options: TrainingOptions):
        """
        Args:
            train_batches, valid_batches: ``TSEIterFactory``.
        """
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.train_batches, self.valid_batches, self.options = train_batches, valid_batches, options
        self.rank = dist.get_rank() if world_size() > 1 else 0
        device = "cuda" if options.ngpu > 0 else "cpu"
        self.updater = Updater(
            model,
            optimizer,
            device,
            autocast_type(device) if options.use_amp else None,
            options.grad_clip,
            options.grad_clip_type,
            options.max_skipped_updates,
            options.max_piece_s,
        )
        self.average = MovingAverage(model, options.ema_decay) if options.ema_decay is not None else None
        self.reporter = Reporter()
        self.interrupted: dict | None = None  # where in an epoch the checkpoint was written
        self.writers: dict = {}

    def run(self) -> None:
        """Train from the checkpoint, or from the start.

        Raises:
            CheckpointError: it cannot be read, written or continued.
            TrainingStopped: too many updates were skipped, or one row is too much for the memory.
            DataError: a criterion names what is not measured.
        """
        options = self.options
        options.folder.mkdir(parents=True, exist_ok=True)
        start_alike(self.model)
        if options.max_epoch == 0:
            self._keep_as_given()
            return
        if options.resume:
            self._resume()
        if self.reporter.stats:
            self._check_criteria(self.reporter.stats[max(self.reporter.stats)])
        elif self.interrupted is None:
            # A misspelt criterion, or validation data that cannot be read, show now and not after an epoch.
            first = islice(self.valid_batches.build_iter(1), 1)
            self._check_criteria({"valid": self._evaluate(first)[0]})
        self._open_writers()
        done = self.reporter.get_epoch()
        self.progress = Progress(self._updates_to_go(done + 1))
        for epoch in range(done + 1, options.max_epoch + 1):
            if self._nothing_improves():
                break
            logging.info(f"{epoch}/{options.max_epoch}epoch started")
            self.reporter.set_epoch(epoch)
            self._train_epoch(epoch)
            self._validate(epoch)
            self._end_epoch(epoch)
        if self.rank == 0 and self.reporter.get_epoch() > 0:
            # A kill behind the last checkpoint may have left links and averages undone.
            stats, last = self.reporter.stats, self.reporter.get_epoch()
            publish(options.folder, stats, last, self._criteria, max(options.nbest))
            write_averages(options.folder, stats, self._criteria, options.nbest)
        for writer in self.writers.values():
            writer.close()
        wait_for_all_processes()
        logging.info(f"The training was finished at {self.reporter.get_epoch()} epochs")

    def _keep_as_given(self) -> None:
        """Without training: the weights of ``init_param`` under the names that decoding opens."""
        if self.rank == 0:
            for phase, name, _ in self._criteria:
                write_tensors(self.options.folder / f"{phase}.{name}.ave.pth", self.model.state_dict())
        wait_for_all_processes()
        logging.info("max_epoch is 0: the weights are kept as they were given")

    @property
    def _criteria(self) -> list:
        return [tuple(criterion) for criterion in self.options.best_model_criterion]

    def _check_criteria(self, measured: dict) -> None:
        """``measured``: names by phase; a phase that is left out is not checked."""
        options = self.options
        wanted = {"best_model_criterion": self._criteria}
        if options.patience is not None:
            wanted["early_stopping_criterion"] = [tuple(options.early_stopping_criterion)]
        if isinstance(self.scheduler, AbsValEpochStepScheduler):
            wanted["val_scheduler_criterion"] = [tuple(options.val_scheduler_criterion)]
        for option, criteria in wanted.items():
            for phase, name, *_ in criteria:
                if phase in measured:
                    known = set(measured[phase]) - {"time", "total_count"}
                    try:
                        check_known([name], known, where=f"--{option}, measured in '{phase}'")
                    except ValueError as error:
                        raise DataError(str(error)) from error

    def _updates_to_go(self, epoch: int) -> int:
        """Updates from the start of ``epoch`` (or from within it) to the end of the training."""
        whole = -(-len(self.train_batches.batches(epoch)) // self.options.accum_grad)
        done = self.interrupted["num_updates"] if self.interrupted else 0
        return max(0, (self.options.max_epoch - epoch + 1) * whole - done)

    # --- One epoch ------------------------------------------------------------------------------------

    def _train_epoch(self, epoch: int) -> None:
        options, position = self.options, self.interrupted
        self.interrupted = None
        first = position["num_batches"] if position else 0
        total = len(self.train_batches.batches(epoch))
        if position and position["total_batches"] != total:
            raise CheckpointError(
                f"the checkpoint was written inside an epoch of {position['total_batches']} batches that now has "
                f"{total}; give the data and batch options of then, or start in another --output_dir."
            )
        seed_epoch(options.seed, epoch, self.rank)
        report = self.reporter.start_epoch("train")
        batches = iter(self.train_batches.build_iter(epoch, first_batch=first))
        if position:
            # Behind the opening of the data, which draws from the generators too.
            self._go_on(position, report)
        self.model.train()
        self.progress.skip()
        num_updates = position["num_updates"] if position else 0
        last = -(-total // options.accum_grad)
        interval = options.log_interval or max(last // 20, 10)
        started = time.perf_counter()
        for window, waited_s in windows(batches, options.accum_grad):
            result = self.updater(window)
            num_updates += 1
            first += len(window)
            self._after_update(report, result, waited_s, time.perf_counter() - started)
            started = time.perf_counter()
            if num_updates % interval == 0:
                self._log(report, interval)
            due = options.checkpoint_interval and num_updates % options.checkpoint_interval == 0
            if due and num_updates < last:
                place = {"num_batches": first, "num_updates": num_updates, "total_batches": total}
                self._save(epoch - 1, {**place, **report_state(report)})
        self.reporter.finish_epoch(report)

    def _go_on(self, position: dict, report: SubReporter) -> None:
        states = position["random_states"]
        if len(states) == world_size():
            set_random_state(states[self.rank])
        else:
            logging.warning(
                f"the checkpoint is of {len(states)} processes, now there are {world_size()}: dropout draws anew"
            )
        load_report_state(report, position)

    def _after_update(self, report: SubReporter, result: UpdateResult, waited_s: float, passed_s: float) -> None:
        if not result.skipped:
            if self.average is not None:
                self.average.update()
            if isinstance(self.scheduler, AbsBatchStepScheduler):
                self.scheduler.step()
        scale = self.updater.scaler.get_scale() if self.updater.scaler else 1.0
        report.register(result.stats, result.weight)
        report.register({"iter_time": waited_s, **result.times, "train_time": passed_s, "loss_scale": scale})
        report.register({"skipped": 100.0 * result.skipped})
        report.register({"grad_norm": result.norm, "clip": 100.0 * (result.norm > self.options.grad_clip)})
        report.register({f"optim0_lr{i}": group["lr"] for i, group in enumerate(self.optimizer.param_groups)})
        report.next()
        self.progress.add(result, waited_s)

    def _log(self, report: SubReporter, interval: int) -> None:
        figures = self.progress.figures()
        logging.info(report.log_message(-interval))
        logging.info(describe(figures, self.progress.eta_s()))
        if "train" in self.writers:
            report.tensorboard_add_scalar(self.writers["train"], -interval)
            for name, value in figures.items():
                self.writers["train"].add_scalar(f"speed/{name}", value, report.get_total_count())

    def _validate(self, epoch: int) -> None:
        report = self.reporter.start_epoch("valid")
        stats, weight = self._evaluate(self.valid_batches.build_iter(epoch))
        report.register(stats, weight)
        report.next()
        self.reporter.finish_epoch(report)

    def _evaluate(self, batches: Iterable[Batch]) -> tuple[dict[str, float], float]:
        """With the averaged weights, where there are some: what is measured is what is kept."""
        self.model.eval()
        if self.average is None:
            return self.updater.evaluate(batches)
        with self.average.in_the_model():
            return self.updater.evaluate(batches)

    def _end_epoch(self, epoch: int) -> None:
        options, stats = self.options, self.reporter.stats
        if epoch == min(stats):
            self._check_criteria(stats[epoch])
        if isinstance(self.scheduler, AbsValEpochStepScheduler):
            self.scheduler.step(self.reporter.get_value(*options.val_scheduler_criterion))
        elif isinstance(self.scheduler, AbsEpochStepScheduler):
            self.scheduler.step()
        logging.info(self.reporter.log_message())
        if self.rank == 0:
            self._draw()
            write_tensors(options.folder / f"{epoch}epoch.pth", self._weights_to_keep())
        self._save(epoch, None)
        if self.rank == 0:
            improved = publish(options.folder, stats, epoch, self._criteria, max(options.nbest))
            if improved:
                logging.info(f"The best model has been updated: {', '.join(improved)}")
            else:
                logging.info("There are no improvements in this epoch")
            if options.nbest_averaging_interval > 0 and epoch % options.nbest_averaging_interval == 0:
                write_averages(options.folder, stats, self._criteria, options.nbest, f"till{epoch}epoch.")

    def _weights_to_keep(self) -> dict:
        if self.average is None:
            return self.model.state_dict()
        with self.average.in_the_model():
            return {name: value.clone() for name, value in self.model.state_dict().items()}

    def _nothing_improves(self) -> bool:
        patience, criterion = self.options.patience, tuple(self.options.early_stopping_criterion)
        if patience is None or not self.reporter.stats:
            return False
        stalled = self.reporter.get_epoch() - ranked_epochs(self.reporter.stats, criterion)[0]
        if stalled > patience:
            name = f"{criterion[0]}.{criterion[1]}"
            logging.info(f"[Early stopping] {name} has not been improved for {stalled} epochs")
        return stalled > patience

    # --- Files ----------------------------------------------------------------------------------------

    def _save(self, epoch: int, position: dict | None) -> None:
        """Everything that the next update depends on; every process has to call this.

        Args:
            epoch: the last whole one.
            position: in the epoch behind it, None at its start.
        """
        random_states = random_states_of_all_ranks()
        if self.rank != 0:
            return
        scaler = self.updater.scaler
        states = {
            "model": self.model.state_dict(),
            "reporter": {"stats": {e: s for e, s in self.reporter.stats.items() if e <= epoch}, "epoch": epoch},
            "optimizers": [self.optimizer.state_dict()],
            "schedulers": [self.scheduler.state_dict() if self.scheduler is not None else None],
            "scaler": scaler.state_dict() if scaler else None,
            "ema": self.average.state_dict() if self.average is not None else None,
            "skipped_in_a_row": self.updater.skipped_in_a_row,
            "position": None if position is None else {**position, "random_states": random_states},
        }
        save_checkpoint(self.options.folder, states)

    def _resume(self) -> None:
        states = read_checkpoint(self.options.folder)
        if states is None:
            return
        try:
            self.model.load_state_dict(states["model"])
            self.optimizer.load_state_dict(states["optimizers"][0])
            if self.scheduler is not None and states["schedulers"][0] is not None:
                self.scheduler.load_state_dict(states["schedulers"][0])
            if self.updater.scaler and states["scaler"] is not None:
                self.updater.scaler.load_state_dict(states["scaler"])
            if self.average is not None:
                self._resume_average(states["ema"])
        except (KeyError, ValueError, RuntimeError) as error:
            # Of a model PyTorch lists every weight; the first two say enough.
            cause = "; ".join(line.strip() for line in str(error).splitlines()[:3])
            raise CheckpointError(
                f"the checkpoint in {self.options.folder} is of another system or optimizer ({cause}); "
                "give the options of then, or start in another --output_dir."
            ) from error
        self.reporter.load_state_dict(states["reporter"])
        self.updater.skipped_in_a_row = states.get("skipped_in_a_row", 0)
        self.interrupted = states.get("position")
        where = f"{self.reporter.get_epoch()} epochs"
        if self.interrupted:
            where += f" and {self.interrupted['num_updates']} updates"
        logging.info(f"The training was resumed using {self.options.folder}/checkpoint.pth: {where} are done")

    def _resume_average(self, state: dict | None) -> None:
        if state is not None:
            self.average.load_state_dict(state)
            return
        logging.warning("the checkpoint has no moving average; it starts from the weights of now")
        self.average = MovingAverage(self.model, self.options.ema_decay)

    def _open_writers(self) -> None:
        if self.options.use_tensorboard and self.rank == 0:
            from torch.utils.tensorboard import SummaryWriter

            folder = self.options.folder / "tensorboard"
            self.writers = {phase: SummaryWriter(str(folder / phase)) for phase in ("train", "valid")}

    def _draw(self) -> None:
        if self.options.use_matplotlib:
            self.reporter.matplotlib_plot(self.options.folder / "images")
        for phase, writer in self.writers.items():
            self.reporter.tensorboard_add_scalar(writer, key1=phase)
        if self.options.use_wandb:
            self.reporter.wandb_log()


def autocast_type(device: str) -> torch.dtype:
    """bfloat16, which needs no scaling of the loss; float16 on GPUs that lack it."""
    return torch.bfloat16 if device == "cpu" or torch.cuda.is_bf16_supported() else torch.float16


def windows(batches: Iterator[Batch], size: int) -> Iterator[tuple[list[Batch], float]]:
    """Up to ``size`` batches at a time, and the seconds they were waited for; the last may be fewer."""
    while True:
        started = time.perf_counter()
        window = list(islice(batches, size))
        if not window:
            return
        yield window, time.perf_counter() - started


def report_state(report: SubReporter) -> dict:
    """An unfinished report as plain values."""
    passed = time.perf_counter() - report.start_time
    stats = {
        name: [(float(v.value), float(v.weight) if isinstance(v, WeightedAverage) else None) for v in values]
        for name, values in report.stats.items()
    }
    return {"stats": stats, "count": report.count, "total_count": report.total_count, "passed_s": passed}


def load_report_state(report: SubReporter, state: dict) -> None:
    """Continue an unfinished report."""
    for name, values in state["stats"].items():
        report.stats[name] = [Average(v) if w is None else WeightedAverage(v, w) for v, w in values]
    report.count, report.total_count = state["count"], state["total_count"]
    report.start_time = time.perf_counter() - state["passed_s"]

"""The record of a system: ESPnet's reporter, its log lines and file names, by epoch."""

import logging
import time

from espnet2.schedulers.abs_scheduler import AbsValEpochStepScheduler
from espnet2.train.reporter import Average, Reporter, SubReporter, WeightedAverage

from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.train.model_files import keep_weights, publish, ranked_epochs, write_averages
from espnet_tse.train.options import TrainingOptions
from espnet_tse.train.processes import rank
from espnet_tse.train.progress import Progress, describe
from espnet_tse.train.record import AbsRecord
from espnet_tse.train.update import UpdateResult


class EpochRecord(AbsRecord):
    """Figures of all epochs, ``<n>epoch.pth`` of the best ones, images, tensorboard and wandb."""

    def __init__(self, options: TrainingOptions, scheduler: object | None = None):
        """
        Args:
            scheduler: of the learning rate; whether a criterion drives it.
        """
        self.options, self.reporter = options, Reporter()
        self.num_epochs = options.max_epoch
        self.follows_criterion = isinstance(scheduler, AbsValEpochStepScheduler)
        self.writers: dict = {}

    @property
    def criteria(self) -> list:
        return [tuple(criterion) for criterion in self.options.best_model_criterion]

    def resume(self, states: dict) -> tuple[int, dict | None]:
        self.reporter.load_state_dict(states["reporter"])
        if self.reporter.stats:
            self._check(self.reporter.stats[max(self.reporter.stats)])
        return self.reporter.get_epoch(), states.get("position")

    def state_dict(self, epochs_done: int) -> dict:
        stats = {epoch: of_epoch for epoch, of_epoch in self.reporter.stats.items() if epoch <= epochs_done}
        return {"reporter": {"stats": stats, "epoch": epochs_done}}

    def check(self, measured: dict[str, float]) -> None:
        self._check({"valid": measured})

    def _check(self, measured: dict) -> None:
        """``measured``: names by phase; a phase that is left out is not checked."""
        options = self.options
        wanted = {"best_model_criterion": self.criteria}
        if options.patience is not None:
            wanted["early_stopping_criterion"] = [tuple(options.early_stopping_criterion)]
        if self.follows_criterion:
            wanted["val_scheduler_criterion"] = [tuple(options.val_scheduler_criterion)]
        for option, criteria in wanted.items():
            for phase, name, *_ in criteria:
                if phase in measured:
                    known = set(measured[phase]) - {"time", "total_count"}
                    try:
                        check_known([name], known, where=f"--{option}, measured in '{phase}'")
                    except ValueError as error:
                        raise DataError(str(error)) from error

    def open(self, updates_to_go: int) -> None:
        self.progress = Progress(updates_to_go)
        if self.options.use_tensorboard and rank() == 0:
            from torch.utils.tensorboard import SummaryWriter

            folder = self.options.folder / "tensorboard"
            self.writers = {phase: SummaryWriter(str(folder / phase)) for phase in ("train", "valid")}

    def start_epoch(self, epoch: int, num_updates: int, place: dict | None) -> None:
        logging.info(f"{epoch}/{self.num_epochs}epoch started")
        self.reporter.set_epoch(epoch)
        self.report = self.reporter.start_epoch("train")
        self.num_updates = 0
        if place:
            load_report_state(self.report, place)
            self.num_updates = place["num_updates"]
        self.log_interval = self.options.log_interval or max(num_updates // 20, 10)
        self.progress.skip()

    def add(self, result: UpdateResult, waited_s: float, passed_s: float, rates: dict[str, float]) -> None:
        report = self.report
        report.register(result.stats, result.weight)
        report.register({"iter_time": waited_s, **result.times, "train_time": passed_s})
        report.register({"loss_scale": rates.pop("loss_scale"), "skipped": 100.0 * result.skipped})
        report.register({"grad_norm": result.norm, "clip": 100.0 * (result.norm > self.options.grad_clip)})
        report.register(rates)
        report.next()
        self.progress.add(result, waited_s)
        self.num_updates += 1
        if self.num_updates % self.log_interval == 0:
            self._log()

    def _log(self) -> None:
        figures = self.progress.figures()
        logging.info(self.report.log_message(-self.log_interval))
        logging.info(describe(figures, self.progress.eta_s()))
        if "train" in self.writers:
            self.report.tensorboard_add_scalar(self.writers["train"], -self.log_interval)
            for name, value in figures.items():
                self.writers["train"].add_scalar(f"speed/{name}", value, self.report.get_total_count())

    def is_checkpoint_due(self) -> bool:
        interval = self.options.checkpoint_interval
        return interval is not None and self.num_updates % interval == 0

    def place(self) -> dict:
        return report_state(self.report)

    def validated(self, epoch: int, stats: dict[str, float], weight: float) -> None:
        self.reporter.finish_epoch(self.report)
        report = self.reporter.start_epoch("valid")
        report.register(stats, weight)
        report.next()
        self.reporter.finish_epoch(report)
        if epoch == min(self.reporter.stats):
            self._check(self.reporter.stats[epoch])

    def value_of(self, phase: str, name: str) -> float:
        return self.reporter.get_value(phase, name)

    def keep(self, epoch: int, weights: dict) -> None:
        logging.info(self.reporter.log_message())
        if rank() == 0:
            self._draw()
            keep_weights(self.options.folder / f"{epoch}epoch.pth", weights)

    def _draw(self) -> None:
        if self.options.use_matplotlib:
            self.reporter.matplotlib_plot(self.options.folder / "images")
        for phase, writer in self.writers.items():
            self.reporter.tensorboard_add_scalar(writer, key1=phase)
        if self.options.use_wandb:
            self.reporter.wandb_log()

    def publish(self, epoch: int) -> None:
        if rank() != 0:
            return
        options, stats = self.options, self.reporter.stats
        improved = publish(options.folder, stats, epoch, self.criteria, max(options.nbest))
        if improved:
            logging.info(f"The best model has been updated: {', '.join(improved)}")
        else:
            logging.info("There are no improvements in this epoch")
        if options.nbest_averaging_interval > 0 and epoch % options.nbest_averaging_interval == 0:
            write_averages(options.folder, stats, self.criteria, options.nbest, f"till{epoch}epoch.")

    def nothing_improves(self) -> bool:
        patience, criterion = self.options.patience, tuple(self.options.early_stopping_criterion)
        if patience is None or not self.reporter.stats:
            return False
        stalled = self.reporter.get_epoch() - ranked_epochs(self.reporter.stats, criterion)[0]
        if stalled > patience:
            name = f"{criterion[0]}.{criterion[1]}"
            logging.info(f"[Early stopping] {name} has not been improved for {stalled} epochs")
        return stalled > patience

    def close(self) -> None:
        options, stats, last = self.options, self.reporter.stats, self.reporter.get_epoch()
        if rank() == 0 and last > 0:
            # A kill behind the last checkpoint may have left links and averages undone.
            publish(options.folder, stats, last, self.criteria, max(options.nbest))
            write_averages(options.folder, stats, self.criteria, options.nbest)
        for writer in self.writers.values():
            writer.close()


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

"""The record of a codec's training: curves of means over log_interval steps."""

import logging
import math
import time
from dataclasses import asdict
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.train.checkpoint import CHECKPOINT
from espnet_tse.train.codec_train_conf import CodecTrainConf
from espnet_tse.train.curves import Curves
from espnet_tse.train.processes import rank
from espnet_tse.train.record import AbsRecord
from espnet_tse.train.update import UpdateResult

# How often to write, and how much to compute at once, does not change the result.
HARMLESS = (
    "log_interval valid_interval checkpoint_interval num_workers licence max_piece_s max_skipped_updates "
    "use_tensorboard use_matplotlib"
).split()


class StepRecord(AbsRecord):
    """An epoch of the loop is the steps between two validations."""

    def __init__(self, conf: CodecTrainConf, folder: Path):
        self.conf, self.folder = conf, folder
        self.num_epochs = -(-conf.max_steps // conf.valid_interval)
        self.step = 0
        self.cpu_s = 0.0  # CPU seconds of this process, over all starts
        self.curves = Curves(folder, conf.use_tensorboard and rank() == 0, conf.use_matplotlib)
        # Of the steps since the last point of the curves: a point a step would make each checkpoint larger by 1 kB.
        self.sums: dict[str, list[float]] = {}  # of name: sum, number

    def resume(self, states: dict) -> tuple[int, dict | None]:
        """
        Raises:
            DataError: they are of something else, or of a training with other options.
        """
        checkpoint = self.folder / CHECKPOINT
        if (
            not isinstance(states, dict)
            or not {"step", "conf", "model", "optimizers", "curves"} <= states.keys()
        ):
            raise DataError(
                f"{checkpoint}: is no checkpoint of a codec training; remove it to train from the start."
            )
        wanted = {name: value for name, value in asdict(self.conf).items() if name not in HARMLESS}
        changed = sorted(name for name, value in wanted.items() if states["conf"].get(name) != value)
        if changed:
            raise DataError(
                f"{checkpoint}: belongs to a training with other {', '.join(changed)}; "
                "give the same options, or another --output_dir."
            )
        self.step, self.cpu_s, self.curves.values = states["step"], states["cpu_s"], states["curves"]
        self.sums = states.get("sums", {})  # a point a step until 2026-11-30
        logging.info(f"{checkpoint}: going on after step {self.step}")
        return self._place(states)

    def _place(self, states: dict) -> tuple[int, dict | None]:
        """Counted in current validations, whatever ``valid_interval`` was before."""
        conf = self.conf
        if self.step >= conf.max_steps:
            return self.num_epochs, None
        epochs, steps = divmod(self.step, conf.valid_interval)
        if steps == 0:
            return epochs, None
        total = min(conf.valid_interval, conf.max_steps - epochs * conf.valid_interval)
        place = {
            "num_batches": steps * conf.accum_grad,
            "num_updates": steps,
            "total_batches": total * conf.accum_grad,
        }
        return epochs, {**place, "random_states": (states["position"] or {}).get("random_states")}

    def state_dict(self, epochs_done: int) -> dict:
        return {
            "step": self.step,
            "cpu_s": self.cpu_s,
            "conf": asdict(self.conf),
            "curves": self.curves.values,
            "sums": self.sums,
        }

    def open(self, updates_to_go: int) -> None:
        self.begun, self.started = self.step, time.perf_counter()
        self.cpu_before = self.cpu_s - time.process_time()

    def start_epoch(self, epoch: int, num_updates: int, place: dict | None) -> None:
        pass

    def add(self, result: UpdateResult, waited_s: float, passed_s: float, rates: dict[str, float]) -> None:
        self.step += 1
        self.cpu_s = self.cpu_before + time.process_time()
        figures = {**result.stats, "grad_norm": result.norm}
        finite = {name: value for name, value in figures.items() if math.isfinite(value)}
        self.curves.watch("train", self.step, finite)
        for name, value in finite.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = [total + value, count + 1]
        conf = self.conf
        if self.step % conf.log_interval == 0 or self.step == conf.max_steps:
            self.curves.add("train", self.step, {name: v / count for name, (v, count) in self.sums.items()})
            self.sums = {}
            passed = time.perf_counter() - self.started
            remaining = passed / (self.step - self.begun) * (conf.max_steps - self.step)
            logging.info(
                f"{self.step}/{conf.max_steps} steps: {self.curves.last('train')}, "
                f"{self.cpu_s:.0f} CPU-s, {remaining:.0f} s to go"
            )

    def is_checkpoint_due(self) -> bool:
        return self.step % self.conf.checkpoint_interval == 0

    def validated(self, epoch: int, stats: dict[str, float], weight: float) -> None:
        self.curves.watch("valid", self.step, stats)
        self.curves.add("valid", self.step, stats)
        logging.info(f"{self.step} steps, validation: {self.curves.last('valid')}")
        if rank() == 0:
            self.curves.draw()

    def close(self) -> None:
        self.curves.close()

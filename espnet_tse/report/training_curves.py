"""Training curves from train.log, of systems by epoch and of codecs by step."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

EPOCH_LINE = re.compile(r"(\d+)epoch results: (.*)")
# Of a codec: "50/600 steps: loss 0.5, ..., 12 CPU-s" and "200 steps, validation: loss 0.4, ...".
STEP_LINE = re.compile(r"\b(\d+)(?:/\d+ steps|( steps, validation)): (.*)")
STEP_NUMBER = re.compile(r"([A-Za-z_]\w*) (-?\d+\.\d+|nan|-?inf)(?=,|$)")
SECTION = re.compile(r"\[([^\]]+)\] ([^\[]*)")
NUMBER = re.compile(r"([A-Za-z_][\w.]*)=([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf))(?=[,\s]|$)")
# Bookkeeping of the trainer that no one reads as a curve.
NOT_CURVES = re.compile(r"(.*_time|time|total_count|optim\d+_.*|gpu_.*|iter_.*|.*scale|clip|grad_norm)$")


@dataclass
class TrainingLog:
    """Stats by epoch, or by step: ``stats[section][name][number]``, sections "train" and "valid"."""

    stats: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    unit: str = "epoch"  # or "step"

    def add(self, section: str, name: str, number: int, value: float) -> None:
        """Keep a value that can be drawn."""
        if math.isfinite(value):
            self.stats.setdefault(section, {}).setdefault(name, {})[number] = value

    def curves(self) -> list[str]:
        """Names worth drawing, the loss first: logged in training and validation, twice or more."""
        train, valid = self.stats.get("train", {}), self.stats.get("valid", {})
        names = [
            name
            for name in train
            if not NOT_CURVES.match(name) and len(train[name]) > 1 and len(valid.get(name, {})) > 1
        ]
        return sorted(names, key=lambda name: (name != "loss", names.index(name)))

    @property
    def length(self) -> int:
        """Epochs or steps that were trained."""
        return max((max(values) for section in self.stats.values() for values in section.values()), default=0)


def read_training_logs(folder: Path) -> TrainingLog:
    """Read train.log and what ESPnet's rotation made of older runs (train.1.log is newer than train.2.log).

    An epoch or step that was trained twice, before and after a resume, keeps its later figures.
    """
    log = TrainingLog()
    old = [
        (int(m[1]), p)
        for p in folder.glob("train.*.log")
        if (m := re.fullmatch(r"train\.(\d+)\.log", p.name))
    ]
    paths = [path for _, path in sorted(old, reverse=True)] + [folder / "train.log"]
    for path in paths:
        if path.is_file():
            parse_lines(path.read_text(encoding="utf-8", errors="replace"), log)
    return log


def parse_lines(text: str, log: TrainingLog) -> None:
    """Add ``Nepoch results: [train] loss=.., [valid] loss=..`` or ``N/M steps: loss ..`` lines to ``log``."""
    for epoch, results in EPOCH_LINE.findall(text):
        for section, items in SECTION.findall(results):
            for name, value in NUMBER.findall(items):
                log.add(section, name, int(epoch), float(value))
    for step, validation, items in STEP_LINE.findall(text):
        log.unit = "step"
        for name, value in STEP_NUMBER.findall(items):
            log.add("valid" if validation else "train", name, int(step), float(value))

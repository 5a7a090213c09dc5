"""Training curves from train.log, of systems by epoch and of codecs by step, drawn as SVG in the page's colours."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from espnet_tse.report.html_tree import Html, element

EPOCH_LINE = re.compile(r"(\d+)epoch results: (.*)")
# Of a codec: "50/600 steps: loss 0.5, ..., 12 CPU-s" and "200 steps, validation: loss 0.4, ...".
STEP_LINE = re.compile(r"\b(\d+)(?:/\d+ steps|( steps, validation)): (.*)")
STEP_NUMBER = re.compile(r"([A-Za-z_]\w*) (-?\d+\.\d+|nan|-?inf)(?=,|$)")
SECTION = re.compile(r"\[([^\]]+)\] ([^\[]*)")
NUMBER = re.compile(r"([A-Za-z_][\w.]*)=([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf))(?=[,\s]|$)")
# Bookkeeping of the trainer that no one reads as a curve.
NOT_CURVES = re.compile(r"(.*_time|time|total_count|optim\d+_.*|gpu_.*|iter_.*|.*scale|clip|grad_norm)$")
WIDTH, HEIGHT = 460, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 14, 34


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
    """Add the ``Nepoch results: [train] loss=.., [valid] loss=..`` or the ``N/M steps: loss ..`` lines to ``log``."""
    for epoch, results in EPOCH_LINE.findall(text):
        for section, items in SECTION.findall(results):
            for name, value in NUMBER.findall(items):
                log.add(section, name, int(epoch), float(value))
    for step, validation, items in STEP_LINE.findall(text):
        log.unit = "step"
        for name, value in STEP_NUMBER.findall(items):
            log.add("valid" if validation else "train", name, int(step), float(value))


def draw_curve(log: TrainingLog, name: str) -> Html:
    """One chart of a stat over the epochs or steps: training dashed, validation solid."""
    series = {part: sorted(log.stats[part][name].items()) for part in ("train", "valid")}
    values = [value for points in series.values() for _, value in points]
    numbers = [number for points in series.values() for number, _ in points]
    ticks = nice_ticks(min(values), max(values), 5)
    low, high = ticks[0], ticks[-1]
    first, last = min(numbers), max(numbers)

    def x(number: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (number - first) / max(1, last - first)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)

    parts: list[Html] = []
    for tick in ticks:
        parts.append(
            element(
                "line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{y(tick):.1f}", y2=f"{y(tick):.1f}"
            )
        )
        parts.append(element("text", f"{tick:g}", class_="tick end", x=LEFT - 8, y=f"{y(tick) + 4:.1f}"))
    for tick in whole_ticks(first, last):
        parts.append(element("text", tick, class_="tick middle", x=f"{x(tick):.1f}", y=HEIGHT - BOTTOM + 18))
    parts.append(element("text", log.unit, class_="tick end", x=WIDTH - RIGHT, y=HEIGHT - 2))
    for part, points in series.items():
        path = " ".join(f"{x(number):.1f},{y(value):.1f}" for number, value in points)
        parts.append(element("polyline", class_=f"curve {part}", points=path))
        radius = 3 if len(points) <= 60 else 1.5
        for number, value in points:
            tip = element("title", f"{log.unit} {number}, {part} {name} {value:.4g}")
            dot = {"class_": f"dot {part}", "cx": f"{x(number):.1f}", "cy": f"{y(value):.1f}", "r": radius}
            parts.append(element("circle", tip, **dot))
    label = f"{name} over {log.unit}s {first} to {last}: " + "; ".join(
        f"{part} from {points[0][1]:.4g} to {points[-1][1]:.4g}" for part, points in series.items()
    )
    svg = element("svg", parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label)
    legend = element(
        "span",
        element("span", "train", class_="key train"),
        element("span", "valid", class_="key valid"),
        class_="keys",
    )
    return element("figure", element("figcaption", element("b", name), legend), svg, class_="chart")


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """Round values from ``low`` or below to ``high`` or above, in about ``count`` steps of 1, 2 or 5 tens."""
    if high == low:
        low, high = low - max(abs(low), 1) * 0.5, high + max(abs(high), 1) * 0.5
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    start, stop = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(start, stop + 1)]


def whole_ticks(first: int, last: int) -> list[int]:
    step = max(1, round(nice_ticks(0, max(1, last - first), 6)[1]))
    ticks = [number for number in range(first, last + 1) if number % step == 0]
    return ticks or [first, last]

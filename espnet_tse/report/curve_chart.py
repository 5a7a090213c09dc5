"""A training curve as SVG in the page's colours: it is visible without JavaScript."""

import math
from dataclasses import dataclass

from markupsafe import Markup

from espnet_tse.report.page_templates import render
from espnet_tse.report.training_curves import TrainingLog

WIDTH, HEIGHT = 460, 250
LEFT, RIGHT, TOP, BOTTOM = 58, WIDTH - 14, 14, HEIGHT - 34  # of the axes, in the units of the picture


@dataclass(frozen=True)
class Point:
    """A value of a curve and its place in the picture."""

    number: int  # epoch or step
    value: float
    x: float
    y: float


def draw_curve(log: TrainingLog, name: str) -> Markup:
    """One chart of a stat over the epochs or steps: training dashed, validation solid."""
    series = {part: sorted(log.stats[part][name].items()) for part in ("train", "valid")}
    values = [value for points in series.values() for _, value in points]
    numbers = [number for points in series.values() for number, _ in points]
    first, last = min(numbers), max(numbers)
    ticks = nice_ticks(min(values), max(values), 5)

    def x(number: float) -> float:
        return LEFT + (RIGHT - LEFT) * (number - first) / max(1, last - first)

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (value - ticks[0]) / (ticks[-1] - ticks[0])

    return render(
        "curve.html",
        name=name,
        unit=log.unit,
        label=_label(name, log.unit, first, last, series),
        rows=[(tick, y(tick)) for tick in ticks],
        columns=[(tick, x(tick)) for tick in whole_ticks(first, last)],
        series=[(part, [Point(n, v, x(n), y(v)) for n, v in points]) for part, points in series.items()],
        **{"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "bottom": BOTTOM},
    )


def _label(name: str, unit: str, first: int, last: int, series: dict[str, list[tuple[int, float]]]) -> str:
    """The chart in words, for screen readers."""
    ends = [f"{part} from {points[0][1]:.4g} to {points[-1][1]:.4g}" for part, points in series.items()]
    return f"{name} over {unit}s {first} to {last}: {'; '.join(ends)}"


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

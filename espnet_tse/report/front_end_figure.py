"""Word error rate against parameters, a panel for each condition (as a figure of arXiv:2603.12837)."""

from typing import IO, Mapping, Sequence

from espnet_tse.report.front_end_rows import ALONE, FrontEndRow, counts_both, size_in_words

COLOURS = ("#3b6ea8", "#d08c3c", "#4c9a6a", "#a8476b", "#7a5fb0", "#7d7d7d")
MARKERS = ("o", "s", "^", "D", "v", "P")
LABEL_PT, LETTER_PT, POINT_PT = 10, 4.6, 5  # height of a label, width of a letter, half a point with its gap


def draw_front_ends(rows: Sequence[FrontEndRow], file: IO[bytes]) -> None:
    """PNG; x: parameters of front end and recogniser, or of the front end alone where the latter's are not known."""
    from matplotlib.figure import Figure

    conditions = list(dict.fromkeys(row.condition for row in rows))
    looks = looks_of(rows)
    both, columns = counts_both(rows), min(2, len(conditions))
    lines = -(-len(conditions) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.6 * lines + 0.5), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, condition in zip(panels, conditions):
        own = [row for row in rows if row.condition == condition and row.wer is not None]
        axes.set_title(condition)
        set_limits(axes, rows, own, both)
        draw_panel(axes, own, looks, both)
    for axes in panels[len(conditions) :]:
        axes.set_visible(False)
    figure.supxlabel(f"parameters of the front end{' and the recogniser' if both else ' alone'}", fontsize=10)
    figure.supylabel("word error rate, %", fontsize=10)
    handles, names = panels[0].get_legend_handles_labels()
    place = {"ncols": min(len(looks), 3), "fontsize": "small", "frameon": False}
    figure.legend(handles, names, loc="outside upper center", **place)
    # Labels lie beside each other on the page, whose places are known once all else is there.
    figure.draw_without_rendering()
    for axes, condition in zip(panels, conditions):
        own = [row for row in rows if row.condition == condition and row.wer is not None]
        label_points(axes, own, looks, both)
    figure.savefig(file, format="png", dpi=120)


def looks_of(rows: Sequence[FrontEndRow]) -> dict[str, dict[str, str]]:
    """Recogniser -> colour and marker."""
    names = dict.fromkeys(row.recogniser for row in rows)
    return {
        name: {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
        for number, name in enumerate(names)
    }


def place_of(row: FrontEndRow, both: bool) -> tuple[float, float]:
    """x and y of a point; x is 1 at least, which a logarithm wants."""
    return max(1, row.front_end_parameters + (row.recogniser_parameters if both else 0)), 100 * row.wer


def bounds_of(row: FrontEndRow) -> tuple[float, float]:
    """Interval in percent; of no width where there is none."""
    low, high = row.ci95 or (row.wer, row.wer)
    return 100 * low, 100 * high


def set_limits(axes, rows: Sequence[FrontEndRow], own: Sequence[FrontEndRow], both: bool) -> None:
    """The same sizes in all panels with room for labels, and rates from 0 to the largest of the panel."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(lambda value, _: size_in_words(round(value)))
    sizes = [place_of(row, both)[0] for row in rows if row.wer is not None and (both or row.system != ALONE)]
    if sizes:
        axes.set_xlim(min(sizes) / 2.5, max(sizes) * 6)
    axes.set_ylim(0, 1.15 * max([1.0, *(bounds_of(row)[1] for row in own)]))


def draw_panel(axes, own: Sequence[FrontEndRow], looks: Mapping[str, dict[str, str]], both: bool) -> None:
    """Points with intervals; each recogniser alone as a dashed line, and a hollow point where its size counts."""
    axes.grid(alpha=0.25)
    for name, look in looks.items():
        for row in (row for row in own if row.recogniser == name and row.system == ALONE):
            title = f"{row.marked_recogniser} alone"
            axes.axhline(100 * row.wer, color=look["color"], linestyle="--", linewidth=1.2, label=title)
            if both:
                axes.plot(*place_of(row, both), markerfacecolor="white", zorder=3, **look)
        behind = [row for row in own if row.recogniser == name and row.system != ALONE]
        if behind:
            sizes, rates = zip(*(place_of(row, both) for row in behind))
            bounds = [bounds_of(row) for row in behind]
            below = [max(0.0, rate - low) for rate, (low, _) in zip(rates, bounds)]
            above = [max(0.0, high - rate) for rate, (_, high) in zip(rates, bounds)]
            title = f"{behind[0].marked_recogniser} behind a front end"
            style = {"linestyle": "none", "elinewidth": 1, "capsize": 2, "label": title}
            axes.errorbar(sizes, rates, [below, above], **style, **look)


def label_points(axes, own: Sequence[FrontEndRow], looks: Mapping[str, dict[str, str]], both: bool) -> None:
    """Names to the right of the points, with a line where they are moved up: none lies on another one or on a point."""
    scale = 72 / axes.figure.dpi
    places = {row: tuple(axes.transData.transform(place_of(row, both)) * scale) for row in own}
    shown = [row for row in own if row.system != ALONE]
    taken = [(places[row][0] - POINT_PT, places[row][0] + POINT_PT, places[row][1]) for row in shown]
    for row in sorted(shown, key=lambda row: row.wer):
        x, y = places[row]
        left, right = x + 1.5 * POINT_PT, x + 2 * POINT_PT + LETTER_PT * len(row.system)
        height = y
        while near := [
            h for a, b, h in taken if a < right and left < b and abs(h - height) < LABEL_PT - 1e-6
        ]:
            height = max(near) + LABEL_PT
        taken.append((left, right, height))
        line = {
            "arrowstyle": "-",
            "color": looks[row.recogniser]["color"],
            "linewidth": 0.6,
            "relpos": (0, 0.5),
        }
        axes.annotate(
            row.system,
            place_of(row, both),
            (1.5 * POINT_PT, height - y),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=looks[row.recogniser]["color"],
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5},
            arrowprops=line if height - y > 1 else None,
        )

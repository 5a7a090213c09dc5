"""The figure of word error rates over parameters."""

import io
from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from espnet_tse.report import front_end_figure
from espnet_tse.report.front_end_figure import draw_front_ends, label_points, looks_of, place_of, set_limits
from espnet_tse.report.front_end_rows import (
    ALONE,
    FrontEndRow,
    counts_both,
    front_end_markdown,
    size_in_words,
)

ROW = FrontEndRow("noisy", "mask", "tiny", False, 0.25, (0.2, 0.3), 3, 1, 1, 20, 4, 0, 5_000_000, 39_000_000)
ROWS = [
    replace(ROW, system=ALONE, front_end_parameters=0, wer=0.5, ci95=None),
    ROW,
    replace(ROW, system="flow", wer=0.26, front_end_parameters=5_100_000),
    replace(ROW, system="long", wer=None, ci95=None),
]


@pytest.mark.parametrize("rows", [ROWS, [replace(row, recogniser_parameters=None) for row in ROWS], ROWS[:1]])
def test_it_is_a_png(rows):
    file = io.BytesIO()
    draw_front_ends([*rows, *(replace(row, condition="single") for row in rows)], file)
    assert file.getvalue()[:8] == b"\x89PNG\r\n\x1a\n" and len(file.getvalue()) > 5000


def test_the_recogniser_counts_where_all_sizes_are_known():
    assert counts_both(ROWS) and place_of(ROW, True) == (44_000_000, 25.0)
    mixed = [*ROWS, replace(ROW, recogniser="pocketsphinx", recogniser_parameters=None)]
    assert not counts_both(mixed) and place_of(mixed[-1], False) == (5_000_000, 25.0)


def test_names_of_close_points_do_not_lie_on_each_other():
    figure = Figure()
    axes = figure.subplots()
    shown = [replace(ROW, system=f"system{n}", wer=0.25 + n / 1000) for n in range(5)]
    set_limits(axes, shown, shown, True)
    figure.draw_without_rendering()
    label_points(axes, shown, looks_of(shown), True)
    figure.draw_without_rendering()
    heights = sorted(Text.get_window_extent(text).y0 * 72 / figure.dpi for text in axes.texts)
    gaps = [after - before for before, after in zip(heights, heights[1:])]
    assert len(heights) == 5 and min(gaps) > front_end_figure.LABEL_PT - 1.5


@pytest.mark.parametrize(
    "parameters, words", [(0, "0"), (12_660_328, "12.7 M"), (1_550_000_000, "1.55 G"), (48_300, "48.3 k")]
)
def test_sizes_are_short(parameters, words):
    assert size_in_words(parameters) == words


def test_the_table_says_what_has_failed_and_what_is_not_known():
    other = {"recogniser": "pocketsphinx", "smoke_test": True, "recogniser_parameters": None}
    rows = [*ROWS, *(replace(row, **other) for row in ROWS)]
    rows[2] = replace(rows[2], num_penalised=2)
    table = front_end_markdown(rows, {"noisy": "targets in noise"})
    assert "| condition | front end | its parameters | WER% (tiny) | WER% (pocketsphinx*) |" in table
    assert (
        "| noisy | none | 0 | 50.0 | 50.0 |" in table
        and "| noisy | mask | 5 M | 25.0 (20.0 to 30.0) |" in table
    )
    assert "| noisy | long | 5 M | – | – |" in table
    assert "- noisy: targets in noise.\n" in table
    assert "of pocketsphinx*: the figure counts the front ends alone" in table
    assert "noisy, flow, tiny: 2 outputs failed" in table

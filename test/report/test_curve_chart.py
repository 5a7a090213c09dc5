import re

import pytest

from espnet_tse.report.curve_chart import draw_curve, nice_ticks
from espnet_tse.report.training_curves import TrainingLog, parse_lines, read_training_logs


def test_texts_say_what_the_chart_shows():
    log = TrainingLog(unit="step")
    for step, train, valid in ((50, 0.5, None), (100, 0.4, 0.45), (150, 0.3, 0.35)):
        log.add("train", "log_magnitude", step, train)
        if valid is not None:
            log.add("valid", "log_magnitude", step, valid)
    svg = draw_curve(log, "log_magnitude")
    assert "log_magnitude over steps 50 to 150: train from 0.5 to 0.3; valid from 0.45 to 0.35" in svg
    assert "step 100, valid log_magnitude 0.45" in svg


def test_drawing_stays_inside_the_picture_and_goes_down_with_the_loss(exp_dir):
    svg = draw_curve(read_training_logs(exp_dir / "tse_a"), "loss")
    points = re.search(r'class="curve valid" points="([^"]+)"', svg)[1].split()
    x, y = zip(*(map(float, point.split(",")) for point in points))
    assert 0 < min(x) and max(x) < 460 and 0 < min(y) and max(y) < 250
    # The y axis of SVG points downwards.
    assert list(y) == sorted(y) and list(x) == sorted(x)


def test_a_flat_curve_can_be_drawn():
    log = TrainingLog()
    for epoch in (1, 2):
        parse_lines(f"{epoch}epoch results: [train] loss=0, [valid] loss=0\n", log)
    assert "polyline" in draw_curve(log, "loss")


@pytest.mark.parametrize("low, high", [(0, 1), (-3.2, 7.9), (1e-5, 3e-5), (5, 5), (0, 0), (120, 123456)])
def test_ticks_span_the_values(low, high):
    ticks = nice_ticks(low, high, 5)
    assert ticks[0] <= low and ticks[-1] >= high
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))

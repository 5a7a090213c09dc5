import pytest

from espnet_tse.report.training_curves import TrainingLog, parse_lines, read_training_logs


def test_reads_espnet_lines(exp_dir):
    log = read_training_logs(exp_dir / "tse_a")
    assert log.stats["train"]["loss"] == {1: 8.0, 2: 4.0, 3: pytest.approx(8 / 3)}
    assert log.stats["valid"]["acc"] == {1: 0.1, 2: 0.2, 3: 0.3}
    assert (log.length, log.unit) == (3, "epoch")


def test_bookkeeping_is_no_curve(exp_dir):
    assert read_training_logs(exp_dir / "tse_a").curves() == ["loss", "acc"]


def test_a_resumed_run_continues_the_curve(tmp_path):
    line = "{}epoch results: [train] loss={}, [valid] loss={}\n"
    (tmp_path / "train.2.log").write_text(line.format(1, 5, 5))
    (tmp_path / "train.1.log").write_text(line.format(1, 4, 4) + line.format(2, 3, 3))
    (tmp_path / "train.log").write_text(line.format(2, 2, 2) + line.format(3, 1, 1))
    assert read_training_logs(tmp_path).stats["train"]["loss"] == {1: 4, 2: 2, 3: 1}


CODEC_LOG = """\
2026-01-02 03:04:05,123 (codec_trainer:80) INFO: statistics and tables start from 400 segments of 0.768 s
2026-01-02 03:04:06,123 (codec_trainer:80) INFO: 50/150 steps: log_magnitude 0.5000, loss 0.7500, 12 CPU-s, 30 s to go
2026-01-02 03:04:07,123 (codec_trainer:80) INFO: 100/150 steps: log_magnitude 0.4000, loss 0.5000, 24 CPU-s, 9 s to go
2026-01-02 03:04:07,123 (codec_trainer:86) INFO: 100 steps, validation: loss 0.5500, log_magnitude 0.4500
2026-01-02 03:04:08,123 (codec_trainer:80) INFO: 150/150 steps: log_magnitude 0.3000, loss nan, 36 CPU-s, 0 s to go
2026-01-02 03:04:08,123 (codec_trainer:86) INFO: 150 steps, validation: loss 0.4500, log_magnitude 0.3500
"""


def test_reads_the_log_of_a_codec_by_step(tmp_path):
    (tmp_path / "train.log").write_text(CODEC_LOG)
    log = read_training_logs(tmp_path)
    assert log.stats["train"] == {
        "log_magnitude": {50: 0.5, 100: 0.4, 150: 0.3},
        "loss": {50: 0.75, 100: 0.5},
    }
    assert log.stats["valid"]["loss"] == {100: 0.55, 150: 0.45}
    assert (log.length, log.unit, log.curves()) == (150, "step", ["loss", "log_magnitude"])


def test_values_that_cannot_be_drawn_are_left_out():
    log = TrainingLog()
    parse_lines("1epoch results: [train] loss=nan, acc=1e-3, [valid] loss=inf, acc=-2\n", log)
    assert log.stats == {"train": {"acc": {1: 0.001}}, "valid": {"acc": {1: -2.0}}}


def test_one_epoch_is_no_curve():
    log = TrainingLog()
    parse_lines("1epoch results: [train] loss=1.0, [valid] loss=1.0", log)
    assert log.curves() == []

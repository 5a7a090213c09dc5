"""The progress line of a run; whole runs are tested in result/test_score_system.py."""

from espnet_tse.scoring.run import runner


def test_neither_the_start_of_the_jobs_nor_the_first_utterance_is_in_the_rate():
    assert runner.time_left(10.0, 20.0, 30.0) == "0:00:15"


def test_bar():
    bars = [runner.bar(share, 4) for share in (0.0, 0.49, 0.5, 1.0)]
    assert bars == ["[....]", "[#...]", "[##..]", "[####]"]

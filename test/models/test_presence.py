import numpy as np
import pytest
import torch

from espnet_tse.models.presence import PresenceJudge, pieces
from espnet_tse.schema.presence import PresenceThreshold

RATE = 16000


class Pitch(torch.nn.Module):
    """A "voice" is the spectrum in four bands."""

    sample_rate, output_dim = RATE, 4

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.ones(1))
        self.lengths = []

    def forward(self, values, lengths):
        self.lengths.append(values.size(1))
        spectrum = torch.fft.rfft(values).abs().square()
        return torch.stack([band.sum(dim=1) for band in spectrum.chunk(4, dim=1)], dim=1).sqrt()


def tone(hertz, seconds=2.5, rate=RATE):
    """At four syllables a second: what does not change is no speech."""
    times = np.arange(round(seconds * rate)) / rate
    return (0.1 * np.sin(2 * np.pi * hertz * times) * np.cos(4 * np.pi * times)).astype(np.float32)


def threshold(measure, value):
    return PresenceThreshold(measure, value, 0.1, 0.1, 60, 60)


@pytest.mark.parametrize("hertz, present", [(600, True), (7000, False)])
def test_another_voice_is_not_the_enrolled_one(hertz, present):
    judge = PresenceJudge(Pitch(), threshold("similarity", 0.5))
    found = judge.judge([tone(hertz)], RATE, tone(500), -3.0)
    assert found.present == present and (found.similarity > 0.9) == present
    assert (found.enrollment_s, found.level_db) == (2.5, -3.0)


def test_the_level_decides_where_it_was_calibrated():
    judge = PresenceJudge(Pitch(), threshold("level_db", -20.0))
    assert [judge.judge([tone(500)], RATE, tone(500), level).present for level in (-30.0, -20.0)] == [
        False,
        True,
    ]


def test_without_a_threshold_there_is_no_verdict():
    assert PresenceJudge(Pitch(), None).judge([tone(500)], RATE, tone(500), 0.0).present is None


@pytest.mark.parametrize("output_s, enrollment_s", [(1.9, 2.5), (2.5, 1.9)])
def test_of_less_than_two_seconds_there_is_no_verdict(output_s, enrollment_s):
    judge = PresenceJudge(Pitch(), threshold("similarity", 0.5))
    found = judge.judge([tone(500, output_s)], RATE, tone(500, enrollment_s), 0.0)
    assert found.present is None and found.similarity > 0.9


def test_a_silent_estimate_is_like_no_voice():
    found = PresenceJudge(Pitch(), threshold("similarity", 0.1)).judge(
        [0 * tone(500)], RATE, tone(500), -120.0
    )
    assert found.similarity == 0 and found.present is False


def test_blocks_make_no_difference_and_other_rates_are_resampled():
    estimate, judge = tone(500) + tone(3000), PresenceJudge(Pitch(), None)
    whole = judge.judge([estimate], RATE, tone(500), 0.0)
    assert judge.judge(np.split(estimate, [7, 5000]), RATE, tone(500), 0.0) == whole
    low = judge.judge([tone(500, rate=8000) + tone(3000, rate=8000)], 8000, tone(500, rate=8000), 0.0)
    assert low.similarity == pytest.approx(whole.similarity, abs=0.01)


def test_long_recordings_are_heard_in_pieces_as_loud_as_they_are():
    judge = PresenceJudge(Pitch(), None)
    quiet_elsewhere = np.concatenate([tone(500, 15.0), 1e-3 * tone(7000, 40.0)])
    assert judge.judge([quiet_elsewhere], RATE, tone(500), 0.0).similarity > 0.99
    assert max(judge.encoder.lengths) == 15 * RATE


def test_half_of_the_enrollment_is_speech():
    enrollment = np.concatenate([tone(500, 0.5), 1e-4 * tone(500, 0.5)])
    assert PresenceJudge(Pitch(), None).judge([tone(500)], RATE, enrollment, 0.0).speech_s == pytest.approx(
        0.5, abs=0.03
    )


def test_pieces_follow_each_other():
    found = list(pieces([np.arange(3), np.arange(3, 10), np.zeros(0)], 4))
    assert [len(piece) for piece in found] == [4, 4, 2] and np.concatenate(found).tolist() == list(range(10))

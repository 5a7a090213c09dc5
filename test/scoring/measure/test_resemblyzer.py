import numpy as np
import pytest

from espnet_tse.scoring.measure.resemblyzer import SpeakerEncoder, partial_starts
from espnet_tse.scoring.measure.weights import find_weight


@pytest.fixture(scope="module")
def encoder():
    return SpeakerEncoder(find_weight("resemblyzer"))


def test_level_does_not_matter_and_noise_does(encoder, speech, noisy):
    embedding = encoder(speech)
    assert embedding.shape == (256,) and np.linalg.norm(embedding) == pytest.approx(1.0, abs=1e-5)
    assert embedding @ encoder(0.1 * speech) == pytest.approx(1.0, abs=1e-5)
    assert embedding @ encoder(noisy) == pytest.approx(0.669, abs=5e-3)


def test_one_tenth_of_a_second_has_an_embedding(encoder, speech):
    assert np.isfinite(encoder(speech[:1600])).all()


@pytest.mark.parametrize(
    "num_samples, starts",
    [(1600, [0]), (25600, [0]), (25600 + 77 * 160 - 6401, [0]), (25600 + 77 * 160 - 6400, [0, 77])],
)
def test_last_partial_needs_three_quarters(num_samples, starts):
    assert partial_starts(num_samples) == starts

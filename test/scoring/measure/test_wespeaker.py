import numpy as np
import pytest

from espnet_tse.scoring.measure.wespeaker import WeSpeaker


@pytest.fixture(scope="module")
def encoder(models):
    return WeSpeaker(models("wespeaker/voxceleb_resnet221_LM.onnx"))


def test_embeddings_have_unit_length_and_repeat(encoder, speech, other_speech):
    embedding = encoder(speech)
    assert embedding.shape == (80,) and np.linalg.norm(embedding) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(encoder(speech), embedding)
    assert embedding @ encoder(other_speech) < 0.999


def test_features_are_centred_and_do_not_hit_the_floor(encoder, noisy):
    features = encoder.features(noisy.astype(np.float32))
    assert features.shape == (498, 80)  # 25 ms every 10 ms, no padding
    assert np.abs(features.mean(axis=0)).max() < 1e-4
    # Scaled as 16-bit integers the gain is an offset of the logarithm, which the mean takes away.
    np.testing.assert_allclose(encoder.features(0.01 * noisy.astype(np.float32)), features, atol=2e-2)


@pytest.mark.parametrize("num_samples", [1600, 4799])
def test_short_signals_are_repeated(encoder, speech, num_samples):
    short = speech[:num_samples]
    np.testing.assert_array_equal(encoder(short), encoder(np.resize(short, 8000)))
    assert np.isfinite(encoder(short)).all()

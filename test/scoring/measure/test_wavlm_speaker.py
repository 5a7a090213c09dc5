import json
import shutil

import numpy as np
import pytest

from espnet_tse.scoring.measure.wavlm_speaker import WavLMSpeaker

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def encoder(models):
    return WavLMSpeaker(models("hf/wavlm-base-plus-sv"))


def test_embeddings_have_unit_length_and_repeat(encoder, speech, other_speech):
    embedding = encoder(speech)
    assert embedding.shape == (16,) and np.linalg.norm(embedding) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(encoder(speech), embedding)
    assert embedding @ encoder(other_speech) < 1 - 1e-6


@pytest.mark.parametrize("num_samples", [1600, 4880, 5199, 5200])
def test_short_signals_have_finite_embeddings(encoder, speech, num_samples):
    assert np.isfinite(encoder(speech[:num_samples])).all()
    if num_samples < 5200:
        np.testing.assert_array_equal(
            encoder(speech[:num_samples]), encoder(np.resize(speech[:num_samples], 8000))
        )


def test_normalisation_is_what_the_folder_says(encoder, models, tmp_path, speech):
    # The tiny folder asks for it, so gain and offset do not matter; another folder may not.
    folder = shutil.copytree(models("hf/wavlm-base-plus-sv"), tmp_path / "plain")
    assert encoder(0.5 * speech) @ encoder(speech) == pytest.approx(1.0, abs=1e-4)
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(settings | {"do_normalize": False}))
    plain = WavLMSpeaker(folder)
    assert not np.allclose(plain(speech), encoder(speech), atol=1e-4)

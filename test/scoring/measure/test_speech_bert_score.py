import numpy as np
import pytest

from espnet_tse.scoring.measure.speech_bert_score import SpeechBertScore, nearest_frames

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def score(models):
    return SpeechBertScore(models("hf/hubert-base-ls960"))


def test_nearest_frames_by_hand():
    target = np.array([[1.0, 0.0], [0.0, 2.0]])
    estimate = np.array([[3.0, 0.0]])
    # The one frame is found; half of the target's frames have nothing near.
    assert nearest_frames(estimate, target) == pytest.approx([1.0, 0.5, 2 / 3])


def test_the_target_itself_is_the_ceiling(score, speech, noise):
    assert score(speech, speech) == pytest.approx([1.0, 1.0, 1.0], abs=1e-6)
    other = score(speech, noise)
    assert max(other) < 1.0 - 1e-4 and score(speech, noise) == other


def test_a_part_of_the_target_loses_recall_not_precision(score, speech):
    precision, recall, _ = score(speech, speech[:16000])
    assert precision > recall and precision > 0.99


def test_layer_eleven_of_the_raw_signal(score, models, speech):
    import torch
    from transformers import HubertModel

    model = HubertModel.from_pretrained(models("hf/hubert-base-ls960")).eval()
    with torch.no_grad():
        states = model(
            torch.from_numpy(speech.astype(np.float32))[None], output_hidden_states=True
        ).hidden_states
    assert len(states) == 13
    np.testing.assert_allclose(score.frames(speech), states[11][0].numpy(), atol=1e-6)
    assert len(score.frames(speech[:400])) == 1

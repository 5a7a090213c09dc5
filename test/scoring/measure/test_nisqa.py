import numpy as np
import pytest

from espnet_tse.scoring.measure.failure import MetricFault
from espnet_tse.scoring.measure.nisqa import Nisqa

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def nisqa(models):
    return Nisqa(models("nisqa/nisqa.tar"))


def test_five_scores_the_same_every_time(nisqa, speech):
    scores = nisqa(speech)
    # The heads of the tiny model differ by 1 in this order: quality, noisiness, discontinuity, coloration, loudness.
    assert np.diff(scores) == pytest.approx(np.ones(4), abs=1e-5)
    assert nisqa(speech) == scores


def test_short_estimates_are_at_fault(nisqa, speech):
    assert np.isfinite(nisqa(speech[:2400])).all()
    with pytest.raises(MetricFault, match="shorter than 0.15 s") as error:
        nisqa(speech[:2399])
    assert error.value.fault.kind == "est"


def test_long_ones_are_averaged_over_equal_parts(nisqa, speech):
    long = np.resize(speech, 52 * 16000 + 2)
    parts = [nisqa(long[: 26 * 16000 + 1]), nisqa(long[26 * 16000 + 1 :])]
    assert nisqa(long) == pytest.approx(np.mean(parts, axis=0), abs=1e-6)
    assert np.isfinite(nisqa(long[: 52 * 16000])).all()  # taken whole


def test_another_file_is_another_model(models, nisqa, tmp_path, speech):
    import torch

    content = torch.load(models("nisqa/nisqa.tar"), weights_only=True)
    content["model_state_dict"]["pool_layers.0.model.linear3.bias"] += 1
    torch.save(content, tmp_path / "nisqa.tar")
    other = Nisqa(tmp_path / "nisqa.tar")
    assert other(speech)[0] == pytest.approx(Nisqa(models("nisqa/nisqa.tar"))(speech)[0] + 1, abs=1e-5)

"""The mask of whole frames."""

import pytest
import torch
from factories import make_batch
from nano_extractors import nano_extractor

from espnet_tse.extractor.magnitude_mask import MagnitudeMaskConfig


@pytest.mark.parametrize("num_recurrent", [0, 1, 3])
@torch.no_grad()
def test_a_mask_takes_away_and_turns_no_phase(num_recurrent):
    model, batch = nano_extractor("magnitude_mask", num_recurrent=num_recurrent), make_batch([0.2], [0.1], None)
    model.output[1].bias.copy_(torch.linspace(-20.0, 20.0, model.stft.num_bins))  # closed below, open above
    model.output[1].weight.zero_()
    mixture, estimate = (model.stft.analyze(wave) for wave in (batch.mixture, model(batch).waveform))
    inner = slice(2, -3)  # frames of whole windows
    torch.testing.assert_close(estimate[:, inner, -6:], mixture[:, inner, -6:], rtol=0.05, atol=0.05)
    assert estimate[:, inner, :6].square().sum() < 1e-3 * mixture[:, inner, :6].square().sum()


@pytest.mark.parametrize("conf", [{"width": 0}, {"num_recurrent": -1}, {"recurrent_width": 0}])
def test_sizes_are_positive(conf):
    with pytest.raises(ValueError, match="sizes of magnitude_mask must be positive"):
        MagnitudeMaskConfig(**conf)


def test_dropout_is_of_training_alone():
    model, batch = nano_extractor("magnitude_mask", dropout=0.5), make_batch([0.2], [0.1], None)
    torch.manual_seed(0)
    first, second = model.train()(batch).waveform, model(batch).waveform
    assert not torch.equal(first, second)
    with torch.no_grad():
        assert torch.equal(model.eval()(batch).waveform, model(batch).waveform)
    with pytest.raises(ValueError, match="dropout of magnitude_mask is 1.0"):
        MagnitudeMaskConfig(dropout=1.0)

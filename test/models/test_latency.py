import pytest
import torch
from nano_extractors import CAUSAL, nano_extractor

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue, Extraction
from espnet_tse.models.latency import measured_latency


@pytest.mark.parametrize("name", CAUSAL)
def test_what_is_measured_is_what_a_stream_waits_for(name):
    extractor = nano_extractor(name, causal=True)
    weights = {key: value.clone() for key, value in extractor.state_dict().items()}
    # The first value of a Hann window is 0: one sample of the window does not count.
    zeros = 1 if name.startswith(("bsrnn", "magnitude_mask")) else 0
    assert measured_latency(extractor) == extractor.delay + extractor.hop_length - zeros
    for key, value in extractor.state_dict().items():
        torch.testing.assert_close(value, weights[key], atol=0, rtol=0)


class Ahead(AbsExtractor):
    """Sample n of the estimate is that of the mixture and one that comes ``ahead`` samples later."""

    sample_rate, causal, hop_length, delay = 16000, True, 4, 12

    def __init__(self, ahead: int):
        super().__init__()
        self.ahead, self.weight = ahead, torch.nn.Parameter(torch.ones(1))

    def encode_enrollment(self, waveform, lengths):
        return Cue(waveform[:, :1])

    def separate(self, mixture, lengths, cue, state=None):
        later = torch.nn.functional.pad(mixture, (0, self.ahead))[:, self.ahead :]
        return Extraction(self.weight * mixture + 1e-6 * later)


@pytest.mark.parametrize("ahead", [0, 5, 30])
def test_it_is_measured_and_not_what_the_network_says(ahead):
    assert measured_latency(Ahead(ahead)) == ahead + 1


def test_a_network_that_hears_all_has_none():
    with pytest.raises(ValueError, match="cannot stream"):
        measured_latency(nano_extractor("magnitude_mask"))

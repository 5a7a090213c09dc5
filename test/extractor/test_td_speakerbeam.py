"""Options of TD-SpeakerBeam for systems that were trained elsewhere; that they compute as ESPnet is tested in test/tasks."""

import pytest
import torch
from nano_extractors import nano_extractor

from espnet_tse.io.scp import DataError
from espnet_tse.models.streaming import ExtractionStream
from espnet_tse.schema import TSEBatch

ESPNET = {
    "adapts": "outputs",
    "frames": "whole",
    "shared_filters": True,
    "levelled": False,
    "input_norm": "frame",
}


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"adapts": "all"}, "adapts 'all' is none of"),
        ({"frames": "half"}, "frames 'half' is none of"),
        ({"norm": "batch"}, "norm 'batch' is none of"),
        ({"norm": "sequence", "causal": True}, "norm 'sequence' hears the whole utterance"),
        ({"score_activation": "gelu"}, "score_activation 'gelu' is none of"),
        ({"mask_activation": "prelu"}, "mask_activation 'prelu' is none of"),
        ({"adapts": "outputs", "adapted_block": 5}, "is the last one, of which only the skip is used"),
        ({"norm_eps": 0.0}, "norm_eps is 0.0"),
        ({"skip": -1}, "must be positive"),
    ],
)
def test_settings_that_mean_nothing_are_refused(conf, message):
    with pytest.raises(ValueError, match=message):
        nano_extractor("td_speakerbeam", **conf)


def test_whole_frames_leave_the_rest_of_a_signal_silent_and_do_not_stream():
    extractor = nano_extractor("td_speakerbeam", **{**ESPNET, "causal": True})
    cue = extractor.enroll(torch.randn(1, 400), torch.tensor([400]))
    waveform = extractor.separate(torch.randn(1, 16 + 3 * 8 + 5), None, cue).waveform
    assert waveform.shape == (1, 45) and waveform[0, :40].any() and not waveform[0, 40:].any()
    with pytest.raises(DataError, match="frames: whole} cannot stream"):
        ExtractionStream(extractor, cue).latency


def test_without_levels_signals_go_in_as_they_are():
    extractor = nano_extractor("td_speakerbeam", **ESPNET)
    assert extractor.enrollment_analysis is None
    lengths, enrolled = torch.tensor([320]), torch.tensor([400])
    mixture, enrollment = 3 * torch.randn(1, 320), 5 * torch.randn(1, 400)
    batch = TSEBatch(mixture, lengths, enrollment, enrolled, sample_rate=8000)
    expected = extractor.separate(mixture, None, extractor.encode_enrollment(enrollment, enrolled)).waveform
    torch.testing.assert_close(extractor(batch).waveform, expected)

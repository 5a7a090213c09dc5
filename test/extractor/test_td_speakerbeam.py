"""Options of TD-SpeakerBeam for systems that were trained elsewhere; that they compute as ESPnet is tested in test/tasks."""

from pathlib import Path

import pytest
import torch
from nano_extractors import nano_extractor
from torch import nn

from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.models.streaming import ExtractionStream
from espnet_tse.schema import TSEBatch
from espnet_tse.tasks.choices import extractor_choices, speaker_encoder_choices

PAPER = Path(__file__).resolve().parents[2] / "egs2/TEMPLATE/tse1/conf/td_speakerbeam_paper.yaml"
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


def released_order(model, mixture, embedding) -> torch.Tensor:
    """The order of the authors' code: what block 7 gives is multiplied before it is added."""
    residual_factor, skip_factor = embedding.chunk(2, dim=1)
    encoded = model.analysis(mixture)
    stream, skips = model.bottleneck(model.norm(encoded)), 0
    for index, block in enumerate(model.blocks):
        hidden = block.first_norm(block.first_activation(block.expand(stream)))
        hidden = block.second_norm(block.second_activation(block.conv(hidden)))
        skip = block.skip(hidden)
        residual = 0 if block.reduce is None else block.reduce(hidden)
        if index == 7:
            residual, skip = residual * residual_factor[:, None], skip * skip_factor[:, None]
        skips = skips + skip
        stream = stream + residual
    return model.synthesis(encoded * model.mask(skips), mixture.size(1))


@torch.no_grad()
def test_the_paper_config_adapts_as_the_release_does():
    conf = read_chain(PAPER).content
    sizes, speaker = conf["extractor_conf"], conf["speaker_encoder_conf"]
    assert speaker["output_dim"] == sizes["width"] + sizes["skip"] == 256
    nano = {"num_filters": 16, "width": 8, "hidden": 12, "skip": 8}
    torch.manual_seed(0)
    model = extractor_choices.build(
        conf["extractor"],
        {**sizes, **nano},
        new_speaker_encoder=lambda input_dim: speaker_encoder_choices.build(
            conf["speaker_encoder"],
            {**speaker, "width": 8, "hidden": 12, "skip": 8, "output_dim": 16},
            input_dim=input_dim,
        ),
    ).eval()
    # There each half multiplies as it is.
    for fusion, half in zip((model.fusion, model.skip_fusion), torch.eye(16).chunk(2)):
        fusion.linear.weight.copy_(half)
        nn.init.zeros_(fusion.linear.bias)
    mixture = torch.randn(2, 400)
    cue = model.enroll(torch.randn(2, 500), torch.tensor([500, 500]))
    expected = released_order(model, mixture, cue.values)
    torch.testing.assert_close(model.separate(mixture, None, cue).waveform, expected)
    model.config = model.config.__class__(**{**vars(model.config), "adapts": "input"})
    assert not torch.allclose(model.separate(mixture, None, cue).waveform, expected, rtol=1e-2)

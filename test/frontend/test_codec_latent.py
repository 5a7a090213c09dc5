import pytest
import torch
from factories import TableCodec
from tse_system import write_codec

from espnet_tse.codec.load import load_codec
from espnet_tse.frontend.codec_latent import CodecLatent, CodecLatentConfig


@pytest.fixture(params=["table", "spectral"])
def codec(request, tmp_path):
    return TableCodec() if request.param == "table" else load_codec(write_codec(tmp_path / "codec"))


def test_frames_are_the_codecs_analysis_of_each_row_at_unit_level(codec):
    frontend = CodecLatent.from_config(CodecLatentConfig(), codec)
    lengths = torch.tensor([8000, 5001, 300])
    waveform = torch.randn(3, 8000, generator=torch.Generator().manual_seed(0))
    waveform = waveform * torch.tensor([[0.01], [1.0], [5.0]])
    frames = frontend(waveform, lengths)
    assert frontend.output_dim == frames.values.size(2) == codec.spec.embedding_dim
    assert frontend.frame_rate == frames.frame_rate == codec.frame_rate
    for row, length in enumerate(lengths.tolist()):
        signal = waveform[row : row + 1, :length]
        signal = torch.nn.functional.pad(
            signal / signal.square().mean().sqrt(), (0, max(0, codec.spec.hop_length - length))
        )
        expected = codec.analyze(signal)[0]
        assert int(frames.lengths[row]) == len(expected) == codec.spec.num_frames(length)
        torch.testing.assert_close(frames.values[row, : len(expected)], expected, atol=1e-4, rtol=1e-4)
        assert not frames.values[row, len(expected) :].any()


def test_a_gradient_reaches_a_signal_that_has_one_and_never_the_codec(codec):
    frontend, lengths = CodecLatent(codec), torch.tensor([4000])
    assert not frontend(torch.randn(1, 4000), lengths).values.requires_grad
    waveform = torch.randn(1, 4000).requires_grad_()
    frontend(waveform, lengths).values.square().sum().backward()
    assert waveform.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in frontend.parameters())


def test_the_codec_is_in_no_checkpoint_and_none_is_wanted(codec):
    frontend = CodecLatent(codec)
    model = torch.nn.ModuleDict({"frontend": frontend, "other": torch.nn.Linear(2, 2)})
    state = model.state_dict()
    assert sorted(state) == ["other.bias", "other.weight"]
    before = {name: value.clone() for name, value in codec.state_dict().items()}
    assert before
    model.load_state_dict(state, strict=True)
    for name, value in codec.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_codec_stays_in_eval_mode(codec):
    frontend = CodecLatent(codec.train())
    assert not codec.training
    frontend.train()
    assert frontend.training and not any(module.training for module in codec.modules())
    torch.nn.Sequential(frontend).train()
    assert not codec.training

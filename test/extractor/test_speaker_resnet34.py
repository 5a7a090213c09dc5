"""The norm of the speaker ResNet: nothing runs along with training, and weights of batch norm keep their function."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from espnet_tse.extractor.speaker_resnet34 import SpeakerResNet34, SpeakerResNet34Config
from espnet_tse.tasks.checkpoint import name_norm

SIZES = {"width": 4, "num_blocks": (1, 2), "output_dim": 6}


def new(norm: str) -> SpeakerResNet34:
    torch.manual_seed(0)
    return SpeakerResNet34(SpeakerResNet34Config(**SIZES, norm=norm), input_dim=8)


def test_group_norm_has_the_parameters_of_batch_norm_and_no_statistics():
    group, batch = new("group"), new("batch")
    shapes = {name: value.shape for name, value in group.named_parameters()}
    assert shapes == {name: value.shape for name, value in batch.named_parameters()}
    assert not list(group.buffers())
    config = SpeakerResNet34Config()
    assert sum(p.numel() for p in SpeakerResNet34(config, input_dim=80).parameters()) == 6_634_336


def test_a_row_that_is_not_finite_leaves_its_mates_and_the_next_batch_alone():
    model, values = new("group").train(), torch.randn(3, 20, 8)
    before = model(values, None)
    spoilt = values.clone()
    spoilt[1] = float("nan")
    assert torch.equal(model(spoilt, None)[[0, 2]], before[[0, 2]])
    assert torch.equal(model(values, None), before)


def test_batch_norm_keeps_its_statistics_in_training():
    """The function of weights trained before: that of PyTorch's batch norm in evaluation."""
    model = new("batch").train()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    inputs = {}
    for norm in norms:
        norm.register_forward_hook(lambda module, given, result: inputs.update({module: (given[0], result)}))
    values = torch.randn(2, 20, 8)
    training, evaluation = model(values, None), model.eval()(values, None)
    assert torch.equal(training, evaluation) and len(inputs) == len(norms) == 8
    for norm, (given, result) in inputs.items():
        expected = F.batch_norm(given, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        torch.testing.assert_close(result, expected, atol=0, rtol=0)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_the_norm_of_older_weights_is_found(tmp_path, caplog):
    old, fresh = tmp_path / "old.pth", tmp_path / "fresh.pth"
    for norm, path in (("batch", old), ("group", fresh)):
        torch.save({f"extractor.{name}": value for name, value in new(norm).state_dict().items()}, path)
    for path, norm in ((old, "batch"), (fresh, "group")):
        config = {"speaker_encoder": "resnet34", "speaker_encoder_conf": dict(SIZES)}
        name_norm(config, path)
        assert config["speaker_encoder_conf"]["norm"] == norm
    assert "old.pth: was trained with batch norm" in caplog.text and "fresh.pth" not in caplog.text
    given = {"speaker_encoder": "resnet34", "speaker_encoder_conf": {"norm": "group"}}
    name_norm(given, old)  # what the configuration says stays
    assert given["speaker_encoder_conf"] == {"norm": "group"}


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="norm 'layer' of a speaker ResNet is none of"):
        SpeakerResNet34Config(norm="layer")

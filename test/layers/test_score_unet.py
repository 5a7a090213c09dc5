"""NCSN++."""

import pytest
import torch

from espnet_tse.layers.score_unet import MapAttention, ScoreUNet, ScoreUNetConfig, group_norm

SMALL = ScoreUNetConfig(width=8, multipliers=(1, 2, 2), num_blocks=1, attention_level=1)


def test_paper_size():
    with torch.device("meta"):
        network = ScoreUNet(ScoreUNetConfig(), 6, 2)
    weights = list(network.parameters())
    assert sum(weight.numel() for weight in weights) == 65_623_352
    assert sum(weight.numel() for weight in weights if not weight.requires_grad) == 128


def test_output_has_the_size_of_the_input_and_is_divided_by_the_time():
    torch.manual_seed(0)
    network = ScoreUNet(SMALL, 6, 2)
    maps = torch.randn(2, 6, 16, 8)
    output = network(maps, torch.tensor([0.5, 0.5]))
    assert output.shape == (2, 2, 16, 8)
    for layer in network.time.layers:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.zeros_(layer.weight)  # the time's embedding says nothing now
    torch.nn.init.zeros_(network.output.bias)
    early, late = network(maps, torch.tensor([0.25, 0.25])), network(maps, torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(early, 2 * late)


def test_what_is_no_score_is_not_divided_by_the_time():
    torch.manual_seed(0)
    score = ScoreUNet(SMALL, 6, 2)
    velocity = ScoreUNet(SMALL, 6, 2, of_score=False)
    velocity.load_state_dict(score.state_dict())
    torch.nn.init.zeros_(score.output.bias), torch.nn.init.zeros_(velocity.output.bias)
    maps, time = torch.randn(2, 6, 16, 8), torch.tensor([0.25, 0.5])
    torch.testing.assert_close(velocity(maps, time), score(maps, time) * time[:, None, None, None])


def test_a_cue_is_heard_by_its_row_alone():
    torch.manual_seed(0)
    network = ScoreUNet(SMALL, 6, 2, cue_dim=3)
    maps, time, cue = torch.randn(2, 6, 16, 8), torch.tensor([0.3, 0.6]), torch.randn(2, 3)
    usual, changed = network(maps, time, cue), network(maps, time, torch.stack([cue[0], -cue[1]]))
    torch.testing.assert_close(changed[0], usual[0])
    assert not torch.allclose(changed[1], usual[1], atol=1e-4)
    usual.square().mean().backward()
    assert network.cue.weight.grad.any()


def test_several_resolutions_attend():
    def attending(level) -> list[bool]:
        network = ScoreUNet(ScoreUNetConfig(8, (1, 2, 2), 2, level), 6, 2)
        up = [isinstance(one, MapAttention) for one in reversed(network.up_attention)]
        assert up == [len(blocks) == 2 for blocks in network.down_attention]
        return up

    assert attending(1) == attending([1]) == [False, True, False]
    assert attending((1, 2)) == [False, True, True] and attending(None) == attending(()) == [False] * 3


def test_every_weight_learns_and_rows_do_not_mix():
    torch.manual_seed(0)
    network = ScoreUNet(SMALL, 6, 2)
    maps, time = torch.randn(2, 6, 16, 8), torch.tensor([0.3, 0.6])
    network(maps, time).square().mean().backward()
    silent = [
        name for name, weight in network.named_parameters() if weight.requires_grad and not weight.grad.any()
    ]
    # Attention does not see what is added to all of its keys.
    assert all(name.endswith("key.bias") for name in silent), silent
    for row in range(2):
        alone = network(maps[row : row + 1], time[row : row + 1])
        torch.testing.assert_close(network(maps, time)[row : row + 1], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "channels, groups", [(8, 2), (24, 6), (48, 12), (128, 32), (256, 32), (144, 24), (136, 17), (152, 19)]
)
def test_groups_divide_the_channels(channels, groups):
    assert group_norm(channels).num_groups == groups


@pytest.mark.parametrize("width, multipliers", [(48, (1, 2)), (136, (1,)), (40, (1, 2, 3))])
def test_every_width_that_is_a_multiple_of_8_is_built(width, multipliers):
    with torch.device("meta"):
        network = ScoreUNet(ScoreUNetConfig(width, multipliers, 1, None), 6, 2)
        assert network(torch.randn(1, 6, 8, 8), torch.rand(1)).shape == (1, 2, 8, 8)


def test_recomputed_blocks_give_the_same_gradients():
    torch.manual_seed(0)
    network = ScoreUNet(SMALL, 6, 2)
    saving = ScoreUNet(ScoreUNetConfig(8, (1, 2, 2), 1, 1, checkpoint_blocks=True), 6, 2)
    saving.load_state_dict(network.state_dict())
    maps, time = torch.randn(1, 6, 16, 8), torch.tensor([0.5])
    for module in (network, saving):
        module(maps, time).square().sum().backward()
    for one, other in zip(network.parameters(), saving.parameters()):
        if one.requires_grad:
            torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"width": 12}, "multiple of 8"),
        ({"multipliers": ()}, "must be positive"),
        ({"num_blocks": 0}, "must be positive"),
        ({"attention_level": 7}, "attention_level is 7, want 0 .. 6"),
        ({"attention_level": [2, 7]}, r"attention_level is \[2, 7\], want 0 .. 6"),
    ],
)
def test_bad_sizes(conf, message):
    with pytest.raises(ValueError, match=message):
        ScoreUNetConfig(**conf)

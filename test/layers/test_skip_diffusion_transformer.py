"""SoloSpeech's transformer: how it begins, what it sees, and which output meets which input block."""

import math

import pytest
import torch

from espnet_tse.layers.positional import rotation
from espnet_tse.layers.skip_diffusion_transformer import SkipDiT, SkipDiTBlock, SkipDiTConfig

SIZES = {"width": 16, "num_layers": 4, "num_heads": 2}
TIME = torch.tensor([0.5])


def new_transformer(context_dim: int | None = 6, **changes) -> SkipDiT:
    torch.manual_seed(0)
    return SkipDiT(SkipDiTConfig(**{**SIZES, **changes}), 8, 4, context_dim).eval()


def shaken(module: torch.nn.Module) -> torch.nn.Module:
    """Weights that are zero at first, at random: as after some training."""
    torch.manual_seed(1)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return module


def values(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_gates_begin_at_tanh_of_1_and_norms_unmodulated():
    torch.manual_seed(0)
    block, hidden = SkipDiTBlock(SkipDiTConfig(**SIZES), joins=False, sees_context=False).eval(), values(
        0, 1, 5, 16
    )
    torch.nn.init.zeros_(block.modulation.weight), torch.nn.init.zeros_(block.modulation.bias)
    turned = rotation(torch.arange(5)[None], 8)
    found = block(hidden, None, values(1, 1, 16), None, None, None, turned)

    def normed(hidden):
        return torch.nn.functional.layer_norm(hidden, (16,), eps=1e-6)

    own = normed(hidden)
    attended = block.attention(own, block.attention.keys_values(own, turned), None, turned)
    middle = hidden + math.tanh(1) * attended
    torch.testing.assert_close(found, middle + math.tanh(1) * block.feedforward(normed(middle)))


@pytest.mark.parametrize("part, sign", [(1, 0), (4, 1)])
def test_a_gate_of_1_shuts_its_part(part, sign):
    """tanh(1 - 1) = 0: the parts of six are scale, gate and shift of attention, then of the feed-forward layer."""
    torch.manual_seed(0)
    block, hidden = SkipDiTBlock(SkipDiTConfig(**SIZES), joins=False, sees_context=False).eval(), values(
        0, 1, 5, 16
    )
    torch.nn.init.zeros_(block.modulation.weight), torch.nn.init.zeros_(block.modulation.bias)
    shut = (block.attention.out, block.feedforward.output)[sign]
    turned = rotation(torch.arange(5)[None], 8)
    arguments = (hidden, None, values(1, 1, 16), None, None, None, turned)
    with torch.no_grad():
        block.modulation.bias.unflatten(0, (6, 16))[part] = 1.0
    gated = block(*arguments)
    torch.nn.init.zeros_(block.modulation.bias)
    torch.nn.init.zeros_(shut.weight), torch.nn.init.zeros_(shut.bias)
    torch.testing.assert_close(gated, block(*arguments))


def test_untrained_it_depends_on_neither_time_nor_context_but_says_something():
    transformer, frames = new_transformer(), values(0, 1, 7, 8)
    usual = transformer(frames, TIME, transformer.prepare(values(1, 1, 5, 6)))
    assert torch.equal(transformer(frames, TIME, transformer.prepare(values(2, 1, 3, 6))), usual)
    assert torch.equal(transformer(frames, TIME / 2, transformer.prepare(values(1, 1, 5, 6))), usual)
    # A velocity, unlike noise, is not guessed by 0.
    assert 0.2 < float(usual.detach().square().mean().sqrt()) < 5


def test_padding_is_not_seen():
    transformer = shaken(new_transformer())
    frames, context = values(0, 1, 9, 8), values(1, 1, 6, 6)
    alone = transformer(frames[:, :5], TIME, transformer.prepare(context[:, :4]))
    masks = torch.arange(9)[None] < 5, torch.arange(6)[None] < 4
    padded = transformer(frames, TIME, transformer.prepare(context), *masks)
    torch.testing.assert_close(padded[:, :5], alone, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(
        transformer(frames, TIME, transformer.prepare(context))[:, :5], alone, atol=1e-4
    )


def test_attention_knows_distances_only_and_the_context_has_no_order():
    transformer = shaken(new_transformer())
    block, hidden = transformer.blocks[0], values(0, 1, 5, 16)
    here, there = (
        block(hidden, None, values(1, 1, 16), None, None, None, rotation(torch.arange(5)[None] + shift, 8))
        for shift in (0, 300)
    )
    torch.testing.assert_close(here, there, atol=1e-4, rtol=1e-4)
    frames, context = values(0, 1, 9, 8), values(1, 1, 6, 6)
    usual = transformer(frames, TIME, transformer.prepare(context))
    torch.testing.assert_close(transformer(frames, TIME, transformer.prepare(context.flip(1))), usual)
    assert not torch.allclose(
        transformer(frames.flip(1), TIME, transformer.prepare(context)).flip(1), usual, atol=1e-4
    )


@pytest.mark.parametrize("frames", [1, 2, 201, 1000])
def test_any_length_runs(frames):
    transformer = shaken(new_transformer(num_layers=2))
    found = transformer(values(0, 1, frames, 8), TIME, transformer.prepare(values(1, 1, 3, 6)))
    assert found.shape == (1, frames, 4) and found.isfinite().all()


def test_the_last_output_of_the_first_half_is_handed_over_first():
    """What each joining block is given are the outputs of input blocks, in reverse order."""
    transformer, seen = shaken(new_transformer()), {"out": [], "skip": []}

    def note(_, given, out):
        seen["out"].append(out), seen["skip"].append(given[1])

    for block in transformer.blocks:
        block.register_forward_hook(note)
    transformer(values(0, 1, 7, 8), TIME, transformer.prepare(values(1, 1, 5, 6)))
    assert [skip is None for skip in seen["skip"]] == [True, True, True, False, False]
    assert torch.equal(seen["skip"][3], seen["out"][1]) and torch.equal(seen["skip"][4], seen["out"][0])


@pytest.mark.parametrize("number", [0, 1])
def test_each_skip_changes_the_result(number):
    transformer, frames = shaken(new_transformer()), values(0, 1, 7, 8)
    seen = transformer.prepare(values(1, 1, 5, 6))
    usual = transformer(frames, TIME, seen)
    joining = transformer.blocks[-1 - number]
    joining.register_forward_pre_hook(lambda _, given: (given[0], torch.zeros_like(given[1]), *given[2:]))
    assert not torch.allclose(transformer(frames, TIME, seen), usual, atol=1e-4)


def test_a_prepared_context_is_that_of_each_call():
    """The keys of a step equal those that the blocks would compute themselves."""
    transformer, context = shaken(new_transformer()), values(1, 2, 5, 6)
    seen = transformer.prepare(context)
    assert len(seen) == len(transformer.blocks)
    embedded = transformer.context(context)
    for block, prepared in zip(transformer.blocks, seen):
        attention = block.context_attention
        keys = attention.key_norm(attention.key(block.context_norm(embedded)).unflatten(2, (2, 8)))
        torch.testing.assert_close(prepared.keys, keys.transpose(1, 2))
    frames, times = values(0, 2, 7, 8), torch.tensor([0.9, 0.1])
    both = transformer(frames, times, seen)
    for row in (0, 1):
        alone = transformer(
            frames[row : row + 1], times[row : row + 1], transformer.prepare(context[row : row + 1])
        )
        torch.testing.assert_close(both[row : row + 1], alone, atol=1e-5, rtol=1e-5)


def test_without_a_context_nothing_is_prepared():
    transformer = shaken(new_transformer(context_dim=None))
    assert transformer.prepare(None) == [None] * 5
    frames, seen = values(0, 1, 7, 8), transformer.prepare(None)
    usual = transformer(frames, TIME, seen)
    assert not torch.allclose(transformer(frames, TIME, seen, beside=values(3, 1, 16)), usual, atol=1e-4)
    torch.testing.assert_close(transformer(frames, TIME, seen, beside=torch.zeros(1, 16)), usual)


def test_recomputed_blocks_have_the_same_gradients():
    gradients = []
    for checkpointed in (False, True):
        transformer = shaken(new_transformer(checkpoint_blocks=checkpointed)).train()
        transformer(
            values(0, 1, 7, 8), TIME, transformer.prepare(values(1, 1, 5, 6))
        ).square().sum().backward()
        gradients.append([parameter.grad for parameter in transformer.parameters()])
    assert all(gradient is not None for gradient in gradients[0])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(
    "conf, message",
    [({"num_layers": 3}, "num_layers even"), ({"width": 0}, "positive"), ({"num_heads": 16}, "even width")],
)
def test_sizes_that_do_not_go_together_are_refused(conf, message):
    with pytest.raises(ValueError, match=message):
        SkipDiTConfig(**{**SIZES, **conf})


def test_published_sizes_of_a_block():
    def size(joins: bool) -> int:
        with torch.device("meta"):
            block = SkipDiTBlock(SkipDiTConfig(), joins, sees_context=True)
        return sum(parameter.numel() for parameter in block.parameters())

    assert size(False) == pytest.approx(12.991e6, abs=500) and size(True) == pytest.approx(14.174e6, abs=500)

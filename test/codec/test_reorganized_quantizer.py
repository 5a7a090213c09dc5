import pytest
import torch

from espnet_tse.codec.reorganized_quantizer import GroupsConfig, ReorganizedQuantizer, make_quantizer
from espnet_tse.codec.residual_quantizer import ResidualQuantizer
from espnet_tse.codec.spectral_codec import SpectralCodecConfig

GROUPS = GroupsConfig(kept_of_groups=(4, 2), group_codebook_size=8)
CORNERS = torch.tensor([[-3.0, -3.0], [-3.0, 3.0], [3.0, -3.0], [3.0, 3.0]])


def parts_of_a_world(number: int) -> torch.Tensor:
    """Vectors (1, n, 4): one of four corners, then one of two of them, each a little off."""
    first, second = CORNERS[torch.randint(4, (number,))], CORNERS[torch.randint(2, (number,))]
    return (torch.cat([first, second], dim=1) + 0.01 * torch.randn(number, 4))[None]


def trained(steps: int = 30) -> ReorganizedQuantizer:
    torch.manual_seed(0)
    quantizer = ReorganizedQuantizer(GROUPS, 4, decay=0.8)
    quantizer.fit(parts_of_a_world(400)[0])
    for _ in range(steps):
        quantizer(parts_of_a_world(100))
        quantizer.learn()
    return quantizer


def test_the_joined_table_holds_the_products_of_the_most_used_entries():
    quantizer = trained()
    with pytest.raises(RuntimeError, match="train it beyond reorganize_step"):
        quantizer.encode(torch.randn(1, 2, 4))
    before = quantizer.eval()(parts_of_a_world(50)).commitment
    quantizer.reorganize()
    assert quantizer.embed.shape == (1, 8, 4)
    for i, vector in enumerate(quantizer.embed[0]):  # the first group's entry changes slowest
        group = quantizer.groups[0]
        entry = group.cluster_size[0].argsort(descending=True, stable=True)[i // 2]
        torch.testing.assert_close(vector[:2], group.embed[0, entry])
    table = quantizer.embed.clone()
    quantizer.reorganize()
    assert torch.equal(quantizer.embed, table)
    assert before < 0.1  # eight entries a group hold four and two corners


def test_it_goes_on_as_one_codebook():
    quantizer = trained()
    quantizer.reorganize()
    joined = quantizer.eval()(parts_of_a_world(200)).commitment
    quantizer.train()
    for _ in range(60):
        quantizer(parts_of_a_world(100))
        quantizer.learn()
    quantizer.eval()
    rows = parts_of_a_world(200)
    result = quantizer(rows)
    codes = quantizer.encode(rows)
    assert torch.equal(result.codes, codes) and codes.shape == (1, 1, 200)
    assert result.commitment < 0.5 * joined


def test_a_skipped_step_leaves_the_groups_as_they_were():
    quantizer = trained(2)
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer(parts_of_a_world(20))
    quantizer.forget()
    assert all(torch.equal(before[name], value) for name, value in quantizer.state_dict().items())
    assert not quantizer.groups[0].collected


def test_codecs_choose_by_their_sizes():
    plain = make_quantizer(GroupsConfig(), 2, 16, 4)
    assert type(plain) is ResidualQuantizer and len(plain.embed) == 2
    assert isinstance(make_quantizer(GROUPS, 1, 8, 4), ReorganizedQuantizer)


@pytest.mark.parametrize(
    "sizes, message",
    [
        (dict(kept_of_groups=[4, 2], num_codebooks=1, codebook_size=16), "gives one codebook of 8"),
        (dict(kept_of_groups=[4, 2], num_codebooks=2, codebook_size=8), "num_codebooks is 2"),
        (dict(kept_of_groups=[8], num_codebooks=1, codebook_size=8), "wants two numbers or more"),
        (
            dict(kept_of_groups=[4, 2, 1], num_codebooks=1, codebook_size=8, embedding_dim=64),
            "cannot be cut into 3",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_named(sizes, message):
    with pytest.raises(ValueError, match=message):
        SpectralCodecConfig(**sizes)

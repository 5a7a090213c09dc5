import pytest
import torch

from espnet_tse.extractor.fusion import FUSIONS, Fusion


@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("shape", [(2, 5, 6), (2, 5, 4, 6)])
def test_each_row_is_joined_with_its_own_speaker(kind, shape):
    torch.manual_seed(0)
    fusion, values, embedding = Fusion(kind, 6, 3), torch.randn(shape), torch.randn(2, 3)
    joined = fusion(values, embedding)
    assert joined.shape == shape
    torch.testing.assert_close(joined[1:], fusion(values[1:], embedding[1:]))
    assert not torch.allclose(joined, fusion(values, embedding.flip(0)))


@torch.no_grad()
def test_kinds_are_what_they_are_called():
    values, embedding = torch.randn(1, 2, 3), torch.randn(1, 4)
    joined = {}
    for kind in FUSIONS:
        fusion = Fusion(kind, 3, 4)
        fusion.linear.weight.zero_()
        fusion.linear.bias.fill_(2.0)
        joined[kind] = fusion(values, embedding)
    torch.testing.assert_close(joined["add"], values + 2)
    torch.testing.assert_close(joined["multiply"], values * 2)
    torch.testing.assert_close(joined["film"], values * 3 + 2)
    torch.testing.assert_close(joined["concat"], torch.full_like(values, 2.0))


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="fusion 'mul' is none of"):
        Fusion("mul", 3, 4)

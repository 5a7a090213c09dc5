"""Finite scalar quantization: a bijection with a gradient."""

import itertools

import pytest
import torch

from espnet_tse.codec.finite_scalars import FiniteScalars


@pytest.mark.parametrize("num_levels, num_dims", [(4, 3), (4, 6), (5, 2), (2, 4), (3, 1)])
def test_codes_and_levels_are_a_bijection(num_levels, num_dims):
    scalars = FiniteScalars(num_levels, num_dims)
    codes = torch.arange(scalars.num_codes)
    levels = scalars.levels(codes)
    assert len(set(map(tuple, levels.tolist()))) == scalars.num_codes == num_levels**num_dims
    assert levels.min() >= -1 and levels.max() <= 1
    found, again = scalars(3 * torch.randn(200, num_dims, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(scalars.levels(again), found)


def test_levels_of_four_are_those_of_the_paper():
    """1.5015 tanh(z + atanh(0.5 / 1.5015)) - 0.5, rounded to -2 .. 1, divided by 2."""
    scalars = FiniteScalars(4, 1)
    values = torch.tensor([[-9.0], [-1.0], [0.0], [0.9], [9.0]])
    shift = torch.atanh(torch.tensor(0.5 / 1.5015))
    expected = (1.5015 * torch.tanh(values + shift) - 0.5).round() / 2
    levels, codes = scalars(values)
    assert torch.allclose(levels, expected) and levels[0] == -1.0 and levels[-1] == 0.5
    assert codes.tolist() == [0, *codes.tolist()[1:-1], 3] and codes[2] == 2


def test_digits_are_the_dimensions_lowest_first():
    scalars = FiniteScalars(4, 2)
    for first, second in itertools.product(range(4), range(4)):
        levels = scalars.levels(torch.tensor(first + 4 * second))
        assert levels.tolist() == [(first - 2) / 2, (second - 2) / 2]


def test_gradients_are_those_of_the_bounded_values():
    values = torch.randn(5, 3, requires_grad=True)
    FiniteScalars(4, 3)(values)[0].sum().backward()
    assert (values.grad > 0).all()


def test_sizes_must_be_positive():
    with pytest.raises(ValueError, match="want 2 levels"):
        FiniteScalars(1, 3)

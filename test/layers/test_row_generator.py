"""Draws that belong to their row."""

import torch

from espnet_tse.layers.row_generator import row_generator


def test_a_key_and_a_seed_decide_what_is_drawn():
    def draws(key: str, seed: int) -> torch.Tensor:
        return torch.randn(4, generator=row_generator(key, seed))

    assert torch.equal(draws("utt", 1), draws("utt", 1))
    assert not torch.equal(draws("utt", 1), draws("utt", 2))
    assert not torch.equal(draws("utt", 1), draws("utu", 1))

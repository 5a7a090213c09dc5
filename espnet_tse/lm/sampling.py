"""Choosing tokens from logits, batched, with draws that belong to their row."""

from dataclasses import dataclass

import torch
from torch import Tensor

from espnet_tse.layers.row_generator import row_generator
from espnet_tse.schema import DecodeConf


@dataclass(frozen=True)
class SamplingConf(DecodeConf):
    """Settings of a system that generates tokens."""

    sampling: bool = False  # False: the most likely token (greedy); True: draw
    top_k: int = 0  # draw among the k likeliest tokens; 0: no limit
    top_p: float = 1.0  # draw within the smallest set of this probability mass
    temperature: float = 1.0  # divides the logits before drawing

    @property
    def draws(self) -> bool:
        return self.sampling

    @property
    def undrawn(self) -> str:
        return "set sampling: true, or leave it out"

    def faults(self) -> list[str]:
        faults = super().faults()
        if self.top_k < 0:
            faults.append(f"top_k is {self.top_k}, want 0 (no limit) or more")
        if not 0.0 < self.top_p <= 1.0:
            faults.append(f"top_p is {self.top_p}, want a share in (0, 1]")
        if self.temperature <= 0.0:
            faults.append(
                f"temperature is {self.temperature}, want a positive number (greedy: sampling: false)"
            )
        return faults


def row_draws(keys: list[str], seed: int, num_steps: int, num_streams: int) -> Tensor:
    """Uniform draws of each row's own generator, so that a batch may be split in any way.

    Args:
        keys: B utterance ids.
        seed: of the run.
    Returns:
        (B, num_steps, num_streams) float64 in [0, 1), on the CPU.
    """
    draws = []
    for key in keys:
        generator = row_generator(key, seed)
        draws.append(torch.rand(num_steps, num_streams, generator=generator, dtype=torch.float64))
    return torch.stack(draws)


def choose_tokens(logits: Tensor, conf: SamplingConf, draws: Tensor | None) -> Tensor:
    """Greedy choice, or a draw after temperature, top-k and top-p.

    Args:
        logits: (B, n, V); -inf forbids a token, one at least must be allowed.
        draws: (B, n) uniform in [0, 1), needed when ``conf.sampling``.
    Returns:
        (B, n) int64.
    """
    if not conf.sampling:
        return logits.argmax(dim=-1)
    assert draws is not None, "sampling wants draws"
    probabilities, order = torch.softmax(logits.double() / conf.temperature, dim=-1).sort(
        dim=-1, descending=True
    )
    keep = torch.ones_like(probabilities, dtype=torch.bool)
    if conf.top_k:
        keep[..., conf.top_k :] = False
    # A token stays when the mass before it is still below top_p, so the likeliest always stays.
    keep &= probabilities.cumsum(dim=-1) - probabilities < conf.top_p
    cumulative = (probabilities * keep).cumsum(dim=-1)
    threshold = draws.to(cumulative)[..., None] * cumulative[..., -1:]
    index = (cumulative <= threshold).sum(dim=-1, keepdim=True).clamp_max(logits.size(-1) - 1)
    return order.gather(-1, index)[..., 0]

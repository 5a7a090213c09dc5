"""Filling in masked tokens over several passes, the surest first (MaskGIT, arXiv:2202.04200, Sec. 3.2)."""

import math
from dataclasses import dataclass
from typing import Callable

import torch
from torch import Tensor

from espnet_tse.lm.sampling import SamplingConf, choose_tokens, row_draws
from espnet_tse.schema import Request, Streams

Masks = dict[str, Tensor]  # stream -> (B, K, T) bool


@dataclass(frozen=True)
class MaskedDecode(SamplingConf):
    """Settings of masked generation."""

    steps: int = 8  # passes for the first codebook
    finer_steps: int = 1  # passes for each further one
    confidence_noise: float = 0.0  # of the order in which tokens are kept, fading over the steps
    remask: bool = False  # tokens that were kept may be masked again where later passes doubt them

    def faults(self) -> list[str]:
        faults = super().faults()
        for name in ("steps", "finer_steps"):
            if getattr(self, name) < 1:
                faults.append(f"{name} is {getattr(self, name)}, want 1 or more")
        if self.confidence_noise < 0:
            faults.append(f"confidence_noise is {self.confidence_noise}, want 0 or more")
        return faults

    @property
    def draws(self) -> bool:
        return self.sampling or self.confidence_noise > 0


@dataclass
class Unmasking:
    """Codes that are filled in, in place."""

    logits_of: Callable[[Streams, Masks], dict[str, Tensor]]  # stream -> (B, T, K, V)
    codes: Streams  # (B, K, T) of each stream
    masked: Masks  # what is not known yet; never padding
    request: Request  # with a ``MaskedDecode``
    passes: int = 0

    def fill(self, books: slice, steps: int) -> None:
        """Predict the masked tokens of some codebooks over ``steps`` passes.

        After pass i the floor(M cos(pi i / (2 steps))) tokens of M that are least sure are masked again.
        """
        open_ = {name: mask[:, books].clone() for name, mask in self.masked.items()}
        flat_open = torch.cat([mask.flatten(1) for mask in open_.values()], dim=1)
        sizes = [mask[0].numel() for mask in open_.values()]
        total = flat_open.sum(dim=1)
        for step in range(1, steps + 1):
            draws = self.draws(flat_open)
            tokens, certainty = self.candidates(
                books, None if draws is None else draws[0].split(sizes, dim=1)
            )
            if draws is not None:
                gumbel = -(-draws[1].clamp(1e-9, 1 - 1e-9).log()).log()
                certainty = certainty + self.request.conf.confidence_noise * (1 - step / steps) * gumbel
            certainty = certainty.masked_fill(~flat_open, torch.inf)
            number = (total * math.cos(0.5 * math.pi * step / steps) + 1e-6).floor().long()
            rank = certainty.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
            again = ((rank < number[:, None]) & flat_open).split(sizes, dim=1)
            for name, of_stream, mask in zip(open_, tokens, again):
                shape, held = open_[name].shape, self.codes[name].values[:, books]
                self.codes[name].values[:, books] = torch.where(open_[name], of_stream.view(shape), held)
                self.masked[name][:, books] = mask.view(shape)
            self.passes += 1

    def candidates(self, books: slice, draws: tuple[Tensor, ...] | None) -> tuple[list[Tensor], Tensor]:
        """Of each stream the tokens, (B, k * T): chosen where they are masked, held elsewhere; and how sure they are.

        Returns:
            certainty (B, L) of all streams, log-probabilities; infinite for held tokens, unless they may go again.
        """
        conf: MaskedDecode = self.request.conf
        tokens, certainty = [], []
        for place, (name, logits) in enumerate(self.logits_of(self.codes, self.masked).items()):
            logits = logits[:, :, books].transpose(1, 2).flatten(1, 2).float()  # (B, k * T, V)
            masked = self.masked[name][:, books].flatten(1)
            chosen = choose_tokens(logits, conf, None if draws is None else draws[place])
            chosen = torch.where(masked, chosen, self.codes[name].values[:, books].flatten(1))
            sure = logits.log_softmax(dim=-1).gather(-1, chosen.clamp_min(0)[..., None])[..., 0]
            tokens.append(chosen)
            certainty.append(sure if conf.remask else sure.masked_fill(~masked, torch.inf))
        return tokens, torch.cat(certainty, dim=1)

    def draws(self, open_: Tensor) -> Tensor | None:
        """(2, B, L) uniform draws for the open tokens, of each row's own generator; None where nothing is drawn."""
        if not self.request.conf.draws:
            return None
        draws = torch.full((2, *open_.shape), 0.5, dtype=torch.float64, device=open_.device)
        for row, key in enumerate(self.request.keys):
            number = int(open_[row].sum())  # padding draws nothing, or batches would differ
            own = row_draws([f"{key}/{self.passes}"], self.request.conf.seed, number, 2)[0]
            draws[:, row, open_[row]] = own.T.to(open_.device)
        return draws

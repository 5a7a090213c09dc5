"""One table that begins as several small ones, each over a part of the vector (the way of GenTSE's SimCodec)."""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from espnet_tse.codec.residual_quantizer import Quantized, ResidualQuantizer


@dataclass(frozen=True)
class GroupsConfig:
    """What codecs of one codebook add to their sizes."""

    # Of each group's table the entries that are kept, the most used ones; their product is codebook_size. Empty: the
    # codebook is one from the start. With groups, ``reorganize_step`` of the training says when they are joined.
    kept_of_groups: tuple[int, ...] = ()
    group_codebook_size: int = 256

    def faults_of_groups(self, num_codebooks: int, codebook_size: int, embedding_dim: int) -> list[str]:
        """What does not fit together, each with its fix."""
        kept, faults = self.kept_of_groups, []
        if not kept:
            return []
        if len(kept) < 2 or min(kept) < 1 or max(kept) > self.group_codebook_size:
            faults.append(
                f"kept_of_groups {list(kept)} wants two numbers or more from 1 to group_codebook_size {self.group_codebook_size}"
            )
        elif num_codebooks != 1 or prod(kept) != codebook_size:
            faults.append(
                f"kept_of_groups {list(kept)} gives one codebook of {prod(kept)}; num_codebooks is {num_codebooks}, "
                f"codebook_size {codebook_size}"
            )
        if embedding_dim % len(kept):
            faults.append(f"embedding_dim {embedding_dim} cannot be cut into {len(kept)} equal groups")
        return faults


class ReorganizedQuantizer(ResidualQuantizer):
    """Codes of one table whose entries are joined from the most used entries of groups.

    A large single table leaves many of its entries unused when it is trained from the start; small tables of parts
    do not, and the products of their entries are a good start for the large one. Until ``reorganize`` the groups
    quantize and learn, from then on the joined table alone.
    """

    def __init__(self, config: GroupsConfig, embedding_dim: int, **settings):
        """
        Args:
            settings: as for ``ResidualQuantizer``.
        """
        super().__init__(1, prod(config.kept_of_groups), embedding_dim, **settings)
        self.kept, width = config.kept_of_groups, embedding_dim // len(config.kept_of_groups)
        self.groups = nn.ModuleList(
            ResidualQuantizer(1, config.group_codebook_size, width, **settings) for _ in self.kept
        )
        self.register_buffer("reorganized", torch.zeros((), dtype=torch.bool))

    def parts(self, latents: Tensor) -> tuple[Tensor, ...]:
        """What each group quantizes: (..., D) -> groups of (..., D / groups)."""
        return latents.chunk(len(self.kept), dim=-1)

    def fit(self, latents: Tensor) -> None:
        for group, part in zip(self.groups, self.parts(latents)):
            group.fit(part)
        self.inited.fill_(1)

    def encode(self, latents: Tensor) -> Tensor:
        """As of the base.

        Raises:
            RuntimeError: before ``reorganize`` there is no single code.
        """
        if not self.reorganized:
            raise RuntimeError(
                "the groups of this quantizer have not been joined: train it beyond reorganize_step."
            )
        return super().encode(latents)

    def _quantize(self, latents: Tensor, num_codebooks: Tensor | None) -> Quantized:
        if self.reorganized:
            return super()._quantize(latents, num_codebooks)
        quantized = [group(part) for group, part in zip(self.groups, self.parts(latents))]
        return Quantized(
            torch.cat([part.values for part in quantized], dim=-1),
            torch.cat([part.codes for part in quantized], dim=1),
            torch.stack([part.commitment for part in quantized]).mean(),
        )

    @torch.no_grad()
    def reorganize(self) -> None:
        """Join the most used entries of all groups, each with each; once."""
        if self.reorganized:
            return
        tables, shares = torch.zeros(1, 0, device=self.embed.device), torch.ones(1, device=self.embed.device)
        for group, number in zip(self.groups, self.kept):
            used = group.cluster_size[0].argsort(descending=True, stable=True)[:number]
            count, entries = group.cluster_size[0, used], group.embed[0, used]
            tables = torch.cat(
                [tables.repeat_interleave(number, dim=0), entries.repeat(len(tables), 1)], dim=1
            )
            shares = (shares[:, None] * (count / count.sum())).flatten()
        # As if both parts of a vector were drawn independently; the moving averages soon know better.
        self.cluster_size[0] = shares * self.groups[0].cluster_size.sum()
        self.embed[0] = tables
        self.embed_avg[0] = tables * self.cluster_size[0, :, None]
        self.reorganized.fill_(True)

    def learn(self) -> None:
        if self.reorganized:
            return super().learn()
        for group in self.groups:
            group.learn()

    def forget(self) -> None:
        super().forget()
        for group in self.groups:
            group.forget()


def make_quantizer(
    groups: GroupsConfig, num_codebooks: int, codebook_size: int, embedding_dim: int, **settings
) -> ResidualQuantizer:
    """The quantizer of a codec's sizes, with groups where it has some."""
    if groups.kept_of_groups:
        return ReorganizedQuantizer(groups, embedding_dim, **settings)
    return ResidualQuantizer(num_codebooks, codebook_size, embedding_dim, **settings)

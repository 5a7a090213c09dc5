"""Residual vector quantizer with tables learned by moving averages (van den Oord 2017, SoundStream 2021)."""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.functional import embedding, mse_loss

KMEANS_SAMPLES = 64  # a vector; more do not move the means of a start value noticeably


@dataclass
class Collected:
    """What the tables are to learn from a pass."""

    given: Tensor  # (K, V, D + 1), sum of the residuals that chose a vector, and how many they were
    latents: Tensor  # (n, D)
    codes: Tensor  # (K, n)


@dataclass
class Quantized:
    """What the quantizer made of a batch of latents."""

    values: Tensor  # (B, T, D), sum of the chosen vectors; gradients pass straight through to the input
    codes: Tensor  # (B, K, T) int64
    commitment: Tensor  # scalar, mean squared distance of the residuals to their chosen vectors


class ResidualQuantizer(nn.Module):
    """K tables of V vectors; each quantizes what the ones before it left over.

    In training mode a pass collects what the tables are to learn; ``learn`` moves them, ``forget`` drops it.
    So an update may have several passes, and one that is skipped leaves the tables as they were.

    The buffers have the shapes and meaning of FunCodec's distributed quantizer, so that its weights
    load by name: ``inited`` (K, 1), ``cluster_size`` (K, V), ``embed`` and ``embed_avg`` (K, V, D).
    """

    def __init__(
        self,
        num_codebooks: int,
        codebook_size: int,
        embedding_dim: int,
        decay: float = 0.99,
        kmeans_iterations: int = 50,
        dead_code_share: float = 0.05,
    ):
        super().__init__()
        shape = (num_codebooks, codebook_size)
        if min(num_codebooks, codebook_size, embedding_dim) < 1 or not 0 < decay < 1:
            raise ValueError(
                f"{num_codebooks} codebooks of {codebook_size} x {embedding_dim}, decay {decay}: sizes must "
                "be positive and the decay between 0 and 1."
            )
        self.decay = decay
        self.kmeans_iterations = kmeans_iterations
        # EnCodec restarts vectors used less than twice a batch; at 1024 vectors and 1024 frames a batch
        # that is half of them, so the limit here is a share of the average use.
        self.dead_code_share = dead_code_share
        tables = torch.randn(*shape, embedding_dim) / embedding_dim**0.5
        self.register_buffer("inited", torch.zeros(num_codebooks, 1))
        self.register_buffer("cluster_size", torch.ones(shape))
        self.register_buffer("embed", tables)
        self.register_buffer("embed_avg", tables.clone())
        self.collected: list[Collected] = []

    def encode(self, latents: Tensor) -> Tensor:
        """Nearest vectors: (B, T, D) -> codes (B, K, T)."""
        residual, codes = latents, []
        for table in self.embed:
            indices = nearest(residual, table)
            residual = residual - embedding(indices, table)
            codes.append(indices)
        return torch.stack(codes, dim=1)

    def forward(self, latents: Tensor, num_codebooks: Tensor | None = None) -> Quantized:
        """Quantize, in float32; in training mode also collect what the tables are given.

        Args:
            latents: (B, T, D).
            num_codebooks: (B,) int64, 1 .. K, how many codebooks a row's ``values`` sum up (quantizer
                dropout); all when None. The tables learn from every row either way.
        """
        with torch.autocast(latents.device.type, enabled=False):
            return self._quantize(latents.float(), num_codebooks)

    def _quantize(self, latents: Tensor, num_codebooks: Tensor | None) -> Quantized:
        with torch.no_grad():
            sums, codes = self._partial_sums(latents)
            if self.training:
                self.collected.append(self._collect(latents, sums, codes))
            if num_codebooks is None:
                chosen = sums[-1]
            else:
                rows = torch.arange(latents.size(0), device=latents.device)
                chosen = torch.stack(sums)[num_codebooks - 1, rows]
            average = torch.stack(sums).mean(0)
            spread = torch.stack([(partial - average).square().mean() for partial in sums]).mean()
        # The mean over k of |x - s_k|^2 is |x - mean s_k|^2 plus the spread of the s_k, which does not depend
        # on x: one term for autograd instead of K.
        commitment = mse_loss(latents, average) + spread
        # Straight-through estimator: the value is the quantized one, the gradient that of the input.
        values = latents + (chosen - latents).detach()
        return Quantized(values, codes, commitment)

    def _partial_sums(self, latents: Tensor) -> tuple[list[Tensor], Tensor]:
        """Sums of the first 1 .. K chosen vectors, K of (B, T, D), and the codes (B, K, T)."""
        total, residual = torch.zeros_like(latents), latents
        sums, codes = [], []
        for k in range(self.embed.size(0)):
            indices = nearest(residual, self.embed[k])
            chosen = embedding(indices, self.embed[k])
            total = total + chosen
            residual = residual - chosen
            sums.append(total)
            codes.append(indices)
        return sums, torch.stack(codes, dim=1)

    @torch.no_grad()
    def fit(self, latents: Tensor) -> None:
        """Set all tables by k-means, each on what the ones before it leave, to begin with: latents (n, D).

        In a training of several processes every one ends with the tables of the first one.
        """
        most = KMEANS_SAMPLES * self.embed.size(1)
        residual = latents[torch.randperm(len(latents), device=latents.device)[:most]]
        for k in range(self.embed.size(0)):
            means, sizes = kmeans(residual, self.embed.size(1), self.kmeans_iterations)
            means, sizes = from_first_process(means), from_first_process(sizes.clamp(min=1))
            self.embed[k], self.cluster_size[k] = means, sizes
            self.embed_avg[k] = means * sizes[:, None]
            residual = residual - embedding(nearest(residual, means), means)
        self.inited.fill_(1)

    def _collect(self, latents: Tensor, sums: list[Tensor], codes: Tensor) -> Collected:
        num_codebooks, size, width = self.embed.shape
        # What codebook k was given: the latents less the first k chosen vectors.
        residuals = torch.stack([latents, *(latents - partial for partial in sums[:-1])]).flatten(1, 2)
        codes = codes.transpose(0, 1).flatten(1)
        rows = codes + size * torch.arange(num_codebooks, device=codes.device)[:, None]
        given = latents.new_zeros(num_codebooks * size, width + 1)
        given[:, :width].index_add_(0, rows.flatten(), residuals.flatten(0, 1))
        given[:, width] = torch.bincount(rows.flatten(), minlength=len(given))
        return Collected(given.view(num_codebooks, size, width + 1), latents.detach().flatten(0, 1), codes)

    @torch.no_grad()
    def learn(self) -> None:
        """Move all tables towards what they were given since the last time; one exchange over processes."""
        collected, self.collected = self.collected, []
        given = (
            torch.stack([part.given for part in collected]).sum(dim=0)
            if len(collected) > 1
            else collected[0].given
        )
        if is_distributed():
            dist.all_reduce(given)
        size, width = self.embed.shape[1:]
        self.cluster_size.lerp_(given[..., width], 1 - self.decay)
        self.embed_avg.lerp_(given[..., :width], 1 - self.decay)
        latents = torch.cat([part.latents for part in collected])
        codes = torch.cat([part.codes for part in collected], dim=1)
        self._restart_dead(latents, codes)
        # Laplace smoothing keeps a rarely used vector finite.
        total = self.cluster_size.sum(dim=1, keepdim=True)
        smoothed = (self.cluster_size + 1e-5) / (total + size * 1e-5) * total
        self.embed.copy_(self.embed_avg / smoothed[..., None])

    def forget(self) -> None:
        """Drop what was collected since the last time."""
        self.collected = []

    def _restart_dead(self, latents: Tensor, codes: Tensor) -> None:
        """A vector that hardly any sample chooses starts again on a row of its table's inputs, (n, D)."""
        average = self.cluster_size.mean(dim=1)
        dead = self.cluster_size < self.dead_code_share * average[:, None]
        books = dead.nonzero()[:, 0]
        if len(books) == 0:
            return
        drawn = torch.randint(len(latents), (len(books),), device=latents.device)
        starts = from_first_process(self._residuals(latents[drawn], codes[:, drawn], books))
        # With the use of an average vector it gets the time to prove itself.
        self.cluster_size[dead] = average[books]
        self.embed_avg[dead] = starts * average[books, None]

    def _residuals(self, latents: Tensor, codes: Tensor, books: Tensor) -> Tensor:
        """(m, D) latents less the vectors that ``codes`` (K, m) chose in the tables before ``books`` (m,)."""
        residuals, total = torch.empty_like(latents), torch.zeros_like(latents)
        for k, table in enumerate(self.embed):
            residuals = torch.where((books == k)[:, None], latents - total, residuals)
            total = total + embedding(codes[k], table)
        return residuals


def is_distributed() -> bool:
    """Whether several processes train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def from_first_process(values: Tensor) -> Tensor:
    """The tensor of rank 0, on every rank."""
    if is_distributed():
        values = values.contiguous()
        dist.broadcast(values, src=0)
    return values


def nearest(values: Tensor, table: Tensor) -> Tensor:
    """Index of the nearest row of ``table`` (V, D) for each vector of ``values`` (..., D)."""
    flat = values.flatten(0, -2)
    # |x|^2 is the same for every row of the table and left out.
    distance = torch.addmm(table.square().sum(1), flat, table.T, alpha=-2)
    return distance.argmin(dim=1).view(values.shape[:-1])


def kmeans(samples: Tensor, num_clusters: int, num_iterations: int) -> tuple[Tensor, Tensor]:
    """Lloyd's algorithm from a random draw of the samples.

    Args:
        samples: (n, D); fewer than ``num_clusters`` are drawn with repetition.
    Returns:
        means (num_clusters, D) and how many samples each holds, (num_clusters,) float.
    """
    n, device = samples.size(0), samples.device
    if n >= num_clusters:
        start = torch.randperm(n, device=device)[:num_clusters]
    else:
        start = torch.randint(n, (num_clusters,), device=device)
    means = samples[start]
    for _ in range(num_iterations):
        members = nearest(samples, means)
        sizes = torch.bincount(members, minlength=num_clusters).to(samples)
        sums = torch.zeros_like(means).index_add_(0, members, samples)
        # An empty cluster keeps its place; the dead-code restart deals with it later.
        means = torch.where(sizes[:, None] > 0, sums / sizes.clamp(min=1)[:, None], means)
    sizes = torch.bincount(nearest(samples, means), minlength=num_clusters).to(samples)
    return means, sizes

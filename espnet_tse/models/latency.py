"""The algorithmic latency of a causal extractor, measured."""

import torch
from torch import Tensor

from espnet_tse.extractor.abs_extractor import AbsExtractor, Cue
from espnet_tse.extractor.exported import ExportedExtractor
from espnet_tse.io.scp import DataError

CONTEXT = 4  # windows before the samples that are changed
ENROLLMENT_S = 0.5
AT_ONCE = 32  # mixtures
CHANGED = 1e-12  # in double precision, for windows that begin near zero let little through


@torch.no_grad()
def measured_latency(extractor: AbsExtractor) -> int:
    """1 + the largest t - n for which sample t of a mixture changes sample n of the estimate: samples that an estimate waits
    for, its own among them.

    Noise is extracted as a whole, again and again with another sample changed, each of a hop in turn, for how far a system
    looks ahead depends on where in a window a sample lies. n is the first sample of the estimate that is another one.

    Raises:
        DataError: the extractor is not causal, or an exported one, which computes in single precision alone.
    """
    if isinstance(extractor, ExportedExtractor):
        raise DataError(
            f"{extractor.path}: latency is measured in double precision, which exported files do not compute in; "
            f"measure the system that was exported (this file takes pieces of {extractor.hop_length} samples)."
        )
    hop = extractor.hop_length
    first = CONTEXT * (extractor.delay + hop)
    weights = next(extractor.parameters())
    device, precision = weights.device, weights.dtype
    generator = torch.Generator().manual_seed(0)

    def noise(num_samples: int) -> Tensor:
        return (0.1 * torch.randn(1, num_samples, generator=generator, dtype=torch.float64)).to(device)

    mixture, enrollment = noise(first + hop), noise(round(ENROLLMENT_S * extractor.sample_rate))
    # In its own precision, which speaker encoders that were trained elsewhere do not leave.
    cue = extractor.enroll(enrollment.to(precision), torch.full((1,), enrollment.size(1), device=device))
    cue = Cue(cue.values.double(), cue.lengths)
    extractor.double()
    try:
        before = estimates(extractor, mixture, cue)
        latency = 0
        for times in torch.arange(first, first + hop, device=device).split(AT_ONCE):
            changed = mixture.repeat(len(times), 1)
            changed[torch.arange(len(times)), times] += 1.0
            differs = (estimates(extractor, changed, cue) - before).abs() > CHANGED
            latency = max(latency, int((times - differs.int().argmax(dim=1)).max()) + 1)
    finally:
        extractor.to(precision)
    return latency


def estimates(extractor: AbsExtractor, mixtures: Tensor, cue: Cue) -> Tensor:
    """(B, N) mixtures and the cue of one enrollment -> (B, N)."""
    rows = torch.zeros(mixtures.size(0), dtype=torch.int64, device=mixtures.device)
    return extractor.separate(mixtures, None, cue.rows(rows)).waveform

"""Distance of the spectrum that a codec draws of embeddings to that of their target."""

import torch
from torch import Tensor

from espnet_tse.codec.abs_codec import AbsCodec, rms
from espnet_tse.schema import Frames


def drawn_spectrum(codec: AbsCodec, target: Tensor, lengths: Tensor, embeddings: Frames) -> Tensor:
    """Mean squared difference of the square roots of magnitudes.

    As ``filtered_spectrum``, of systems whose decoder makes the signal: the loud bins count, which a regression of
    embeddings weighs like the many faint ones.

    Args:
        codec: one that draws spectra; frozen, gradients pass through it.
        target: (B, N); behind a row's length nothing is read.
        lengths: (B,) samples.
        embeddings: (B, T, D), ceil(length / hop_length) frames a row.
    Returns:
        scalar, mean over all valid bins of the targets scaled to RMS 1.
    """
    error, count = target.new_zeros(()), 0
    # Rows of one length share a call, and no row sees padding. Crops nearly all have the same length.
    for length in torch.unique(lengths).tolist():
        rows = (lengths == length).nonzero()[:, 0]
        wanted = codec.log_magnitude(target[rows, :length] / (rms(target[rows, :length]) + 1e-8))
        drawn = codec.spectra(embeddings.values[rows, : int(embeddings.lengths[rows[0]])])
        difference = torch.exp(0.5 * drawn) - torch.exp(0.5 * wanted)
        error, count = error + difference.square().sum(), count + difference.numel()
    return error / count

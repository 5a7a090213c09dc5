"""Band-split RNN that is shown, beside the mixture, what of the enrollment sounds most like each of its frames."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.extractor.abs_extractor import Cue
from espnet_tse.extractor.band_split_network import BandSplitConfig, BandSplitNetwork, compressed
from espnet_tse.layers.stft import STFT
from espnet_tse.schema.padding import valid_mask

EPS = 1e-8


@dataclass(frozen=True)
class BSRNNMapConfig(BandSplitConfig):
    """The defaults are those of ``bsrnn``; the sharpness is ours, of spectra raised to 0.3."""

    sharpness: float = 20.0  # the first value of the learned factor of the similarities
    exponent: float = 0.3  # of the magnitudes that are compared

    def __post_init__(self):
        super().__post_init__()
        if not self.sharpness > 0 or not 0 < self.exponent <= 1:
            raise ValueError(f"sharpness and exponent must be positive, exponent up to 1: {self}.")


class BSRNNMap(BandSplitNetwork):
    """A map of the enrollment's magnitudes as a third channel of the mixture: no embedding, no speaker encoder.

    Each frame of the map is a mean of the enrollment's frames, weighted by a softmax of their cosine similarities to the
    mixture's frame, at the level of that frame. Source: the "TF-Map" cue of WeSep's and the REAL-TSE challenge's systems
    (arXiv:2410.16059), from its public description; magnitudes, compression and level are ours.
    """

    Config = BSRNNMapConfig
    view_channels = 3

    def __init__(self, config: BSRNNMapConfig):
        super().__init__()
        self.sample_rate, self.exponent = config.sample_rate, config.exponent
        self.stft = STFT(config.n_fft, config.hop_length)
        self.add_network(config)
        self.sharpness = nn.Parameter(torch.tensor(float(config.sharpness)))

    @classmethod
    def from_config(cls, config: BSRNNMapConfig) -> "BSRNNMap":
        return cls(config)

    def magnitudes(self, spectrum: Tensor) -> Tensor:
        """(B, T, F, 2) -> (B, T, F), raised to the exponent."""
        return (spectrum.square().sum(dim=-1) + EPS) ** (self.exponent / 2)

    def encode_enrollment(self, waveform: Tensor, lengths: Tensor | None) -> Cue:
        """(B, N) -> the enrollment's magnitudes (B, T, F)."""
        frames = None if lengths is None else self.stft.num_frames(lengths)
        return Cue(self.magnitudes(self.stft.analyze(waveform)), frames)

    def enrollment_map(self, magnitudes: Tensor, cue: Cue) -> Tensor:
        """What of the enrollment is like each frame of a mixture, of the length 1: (B, T, F) -> (B, T, F)."""
        keys = F.normalize(cue.values, dim=-1)
        scores = self.sharpness * (F.normalize(magnitudes, dim=-1) @ keys.transpose(1, 2))
        if cue.lengths is not None:
            padding = ~valid_mask(cue.lengths, keys.size(1))[:, None]
            # Behind the factor: the gradient of an infinite product is NaN.
            scores = scores.masked_fill(padding, float("-inf"))
        return F.normalize(scores.softmax(dim=-1) @ keys, dim=-1)

    def view(self, spectrum: Tensor, cue: Cue) -> Tensor:
        magnitudes = self.magnitudes(spectrum)
        level = magnitudes.norm(dim=-1, keepdim=True)
        # At the level of what the network sees of the mixture, whose compression may be another one.
        map_ = (level * self.enrollment_map(magnitudes, cue)) ** (self.compression / self.exponent)
        return torch.cat([compressed(spectrum, self.compression), map_[..., None]], dim=-1)

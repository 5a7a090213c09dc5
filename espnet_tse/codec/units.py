"""Units: the nearest of some centroids for each frame of features."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from espnet_tse.codec.abs_tokenizer import AbsTokenizer
from espnet_tse.layers.framed_stft import FramedSTFT
from espnet_tse.io.scp import DataError
from espnet_tse.layers.equal_length import map_equal_length
from espnet_tse.layers.frozen import leave_out_of_checkpoints
from espnet_tse.layers.mel_filters import slaney_mel_filters
from espnet_tse.layers.ssl_model import (
    SAMPLE_RATE,
    hidden_states,
    margin_of,
    open_ssl,
    register_identity,
    wants_normalized,
)
from espnet_tse.schema import PADDING_CODE, Codes, Streams
from espnet_tse.schema.stream_spec import CodesSpec

DISTANCES_AT_ONCE = 1 << 24  # frames x centroids


@dataclass(frozen=True)
class UnitsConfig:
    """What all kinds of units have."""

    num_units: int = 1024  # K
    sample_rate: int = 16000  # Hz
    hop_length: int = 320  # samples a unit, 50 Hz

    def __post_init__(self):
        for name in ("num_units", "sample_rate", "hop_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, want 1 or more.")


class AbsUnits(AbsTokenizer):
    """Stream ``semantic``: argmin_k |h_t - c_k|^2 of the features h_t of frame t.

    The centroids are fitted by k-means, not trained by gradients: ``fit``.
    """

    config: UnitsConfig

    def __init__(self, config: UnitsConfig, feature_dim: int):
        super().__init__()
        self.config, self.sample_rate = config, config.sample_rate
        self.register_buffer("centroids", torch.zeros(config.num_units, feature_dim))

    @abstractmethod
    def features(self, waveform: Tensor) -> Tensor:
        """Unpadded rows (b, N) -> (b, T, D), T = ceil(N / hop_length)."""

    @property
    def streams(self) -> dict[str, CodesSpec]:
        return {"semantic": CodesSpec(1, self.config.num_units, hop_length=self.config.hop_length)}

    @torch.no_grad()
    def tokenize(self, waveform: Tensor, lengths: Tensor) -> Streams:
        rows = map_equal_length(lambda signal: self.nearest(self.features(signal)), waveform, lengths)
        num_frames = torch.tensor([len(row) for row in rows], device=waveform.device)
        values = pad_sequence(rows, batch_first=True, padding_value=PADDING_CODE)
        return Streams(semantic=Codes(values[:, None], num_frames, self.sample_rate / self.config.hop_length))

    def nearest(self, features: Tensor) -> Tensor:
        """(b, T, D) -> (b, T) int64."""
        flat = features.flatten(0, 1)
        size = max(1, DISTANCES_AT_ONCE // len(self.centroids))
        parts = [torch.cdist(part, self.centroids).argmin(dim=1) for part in flat.split(size)]
        return torch.cat(parts).view(features.shape[:2])

    def fit(self, features: Tensor, seed: int) -> dict[str, float]:
        """Centroids by k-means++ and Lloyd's iterations.

        Args:
            features: (M, D) frames.
        Returns:
            ``inertia``, the mean squared distance; ``perplexity`` of the units' use.
        Raises:
            DataError: there are fewer frames than units.
        """
        from sklearn.cluster import KMeans

        if len(features) < self.config.num_units:
            raise DataError(
                f"{len(features)} frames are too few for num_units {self.config.num_units}; use more speech, or a "
                "larger prepare_frames."
            )
        kmeans = KMeans(self.config.num_units, n_init=1, max_iter=100, random_state=seed)
        kmeans.fit(features.cpu().numpy())
        self.centroids.copy_(torch.from_numpy(kmeans.cluster_centers_))
        counts = np.bincount(kmeans.labels_, minlength=self.config.num_units) / len(features)
        entropy = -float(np.sum(counts[counts > 0] * np.log(counts[counts > 0])))
        return {"inertia": float(kmeans.inertia_ / len(features)), "perplexity": float(np.exp(entropy))}


@dataclass(frozen=True)
class CepstralUnitsConfig(UnitsConfig):
    """Units that need nothing pretrained."""

    num_units: int = 64
    num_mels: int = 80
    num_cepstra: int = 13
    n_fft: int = 640
    delta_frames: int = 2  # to each side of a frame
    power_floor: float = 1e-4  # of a signal of RMS 1

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= self.num_cepstra <= self.num_mels or self.delta_frames < 1:
            raise ValueError("num_cepstra must lie between 1 and num_mels, and delta_frames be 1 or more.")


class CepstralUnits(AbsUnits):
    """Mel cepstra and their slopes, each normalized over the utterance, which takes much of the voice away."""

    Config = CepstralUnitsConfig

    def __init__(self, config: CepstralUnitsConfig):
        super().__init__(config, 2 * config.num_cepstra)
        self.stft = FramedSTFT(config.n_fft, config.hop_length)
        filters = slaney_mel_filters(config.sample_rate, config.n_fft, config.num_mels)
        self.register_buffer("filters", filters / filters.sum(dim=0).clamp_min(1e-8), persistent=False)
        angle = torch.outer(torch.arange(config.num_mels) + 0.5, torch.arange(config.num_cepstra).float())
        self.register_buffer("cosines", torch.cos(angle * torch.pi / config.num_mels), persistent=False)

    @classmethod
    def from_config(cls, config: CepstralUnitsConfig) -> "CepstralUnits":
        return cls(config)

    def features(self, waveform: Tensor) -> Tensor:
        conf = self.config
        level = waveform.square().mean(dim=1, keepdim=True).sqrt()
        waveform = waveform / torch.where(level > 0, level, 1.0)
        waveform = F.pad(waveform, (0, -waveform.size(1) % conf.hop_length))
        mel = self.stft.magnitude(waveform).square() @ self.filters
        cepstra = (mel + conf.power_floor).log() @ self.cosines
        both = torch.cat([cepstra, slopes(cepstra, conf.delta_frames)], dim=2)
        spread = both.std(dim=1, keepdim=True, correction=0).clamp_min(1e-3)
        return (both - both.mean(dim=1, keepdim=True)) / spread


def slopes(frames: Tensor, reach: int) -> Tensor:
    """Least-squares slope over ``reach`` frames to each side, the ends repeated: (b, T, D) -> (b, T, D)."""
    offsets = torch.arange(-reach, reach + 1, dtype=frames.dtype, device=frames.device)
    ends = [frames[:, :1].expand(-1, reach, -1), frames, frames[:, -1:].expand(-1, reach, -1)]
    windows = torch.cat(ends, dim=1).unfold(1, 2 * reach + 1, 1)
    return windows @ offsets / offsets.square().sum()


@dataclass(frozen=True)
class SSLUnitsConfig(UnitsConfig):
    """Units of a self-supervised model; GenTSE's are of WavLM's layer 6 (arXiv:2512.20978, by two digests)."""

    model_dir: str = ""  # folder of WavLM, HuBERT or wav2vec 2.0 as transformers saves it
    layer: int = 6  # 1 .. number of layers

    def __post_init__(self):
        super().__post_init__()
        if not self.model_dir:
            raise ValueError(
                "model_dir is required: a folder of WavLM, HuBERT or wav2vec 2.0 (config.json, weights)."
            )
        if self.layer < 1:
            raise ValueError(f"layer is {self.layer}, want 1 or more.")
        if self.sample_rate != SAMPLE_RATE:
            raise ValueError(
                f"sample_rate is {self.sample_rate}, self-supervised models work at {SAMPLE_RATE} Hz."
            )


class SSLUnits(AbsUnits):
    """Hidden states of one layer of a frozen model, whose weights stay in their own folder."""

    Config = SSLUnitsConfig

    def __init__(self, config: SSLUnitsConfig, model: nn.Module, normalize: bool):
        super().__init__(config, model.config.hidden_size)
        self.model, self.normalize = model, normalize
        leave_out_of_checkpoints(self, "model")
        self.margin = margin_of(model, config.hop_length)
        fault = "the units were fitted to another model or layer than codec_conf names; restore it"
        register_identity(self, model, normalize, fault)

    @classmethod
    def from_config(cls, config: SSLUnitsConfig) -> "SSLUnits":
        """
        Raises:
            ValueError: no such model in the folder, too few layers, or transformers is missing.
        """
        folder = Path(config.model_dir)
        return cls(config, open_ssl(folder, config.layer), wants_normalized(folder))

    def train(self, mode: bool = True) -> "SSLUnits":
        super().train(mode)
        self.model.eval()
        return self

    def features(self, waveform: Tensor) -> Tensor:
        peak = waveform.abs().amax(dim=1, keepdim=True)
        waveform = waveform / torch.where(peak > 0, peak, 1.0)
        whole = -waveform.size(1) % self.config.hop_length
        return hidden_states(self.model, F.pad(waveform, (0, whole + self.margin)), self.normalize)

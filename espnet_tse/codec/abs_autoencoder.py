"""The contract of autoencoders: a waveform becomes continuous frames, and frames a waveform."""

from abc import abstractmethod
from typing import Callable

import torch
from torch import Tensor

from espnet_tse.codec.abs_identified import AbsIdentified, as_loud_as, short_hash
from espnet_tse.schema import Streams


class AbsAutoencoder(AbsIdentified):
    """VAEs (stream ``latent``) and mel vocoders (stream ``mel``, whose encoder is the analysis)."""

    # Largest deviation of the fixed waveform's frames, in standard deviations of them.
    tolerance: float = 1e-2

    @abstractmethod
    def encode(self, waveform: Tensor, lengths: Tensor) -> Streams:
        """``Frames`` (B, T, D) by the names of ``streams``, nothing drawn; arguments as of ``streams_of``."""

    @abstractmethod
    def decode(self, streams: Streams) -> Tensor:
        """(B, T * hop_length) waveform, zeros behind a row's frames; differentiable in the frames."""

    @property
    def frame_rate(self) -> float:
        """Frames of its stream a second, Hz."""
        [spec] = self.streams.values()
        return self.sample_rate / spec.hop_length

    def standardise(self, segments: Callable[[], Tensor]) -> None:
        """After training: statistics of what ``encode`` makes of segments (B, N), which are read only where it has any."""

    def resynthesize(self, waveform: Tensor, lengths: Tensor, num_codebooks: int | None = None) -> Tensor:
        """As of a tokenizer: encode and decode at the input's own level and length; nothing is left out."""
        return as_loud_as(waveform, self.decode(self.encode(waveform, lengths)), lengths)

    def streams_of(self, waveform: Tensor, lengths: Tensor) -> Streams:
        return self.encode(waveform, lengths)

    def fixed_frames(self) -> Tensor:
        """(M,) the first frames of the fixed waveform, stream by stream in the order of their names."""
        streams = self.fixed_streams()
        return torch.cat([streams[name].values[:, :8].flatten() for name in sorted(streams)]).float()

    def fingerprint(self) -> dict:
        frames = self.fixed_frames()
        return {
            "fingerprint": short_hash(frames),
            "fingerprint_frames": [float(f"{value:.6g}") for value in frames.tolist()],
            "fingerprint_tolerance": self.tolerance,
        }

    def disagreement(self, manifest: dict) -> str | None:
        frames, expected = self.fixed_frames(), torch.tensor(manifest["fingerprint_frames"])
        if frames.shape != expected.shape:
            return f"gives {len(frames)} values of the fingerprint, not {len(expected)}"
        deviation = float((frames - expected).abs().max() / expected.std().clamp_min(1e-8))
        if deviation <= manifest["fingerprint_tolerance"]:
            return None
        return f"deviates from the fingerprint by {deviation:.3g} standard deviations"

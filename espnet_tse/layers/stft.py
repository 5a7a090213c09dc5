"""STFT maps whose last axis is real and imaginary part, and their inverse."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.layers.overlap_add import Framing, OverlapAdd
from espnet_tse.layers.stream_state import StreamState


class STFT(nn.Module):
    """(B, N) <-> (B, T, F, 2), F = n_fft // 2 + 1, periodic Hann window, least-squares inverse.

    Frame t ends with hop t, so n_fft = 2 hops gives the frames of a centred STFT and one more at the end.
    Every sample lies under all of its windows: what is divided by never comes near zero, and does not depend
    on where a signal ends. Samples outside of it are zeros; reflected ones would depend on the padding.
    """

    def __init__(self, n_fft: int, hop_length: int):
        super().__init__()
        if not 0 < hop_length <= n_fft // 2 or n_fft % hop_length or n_fft % 2:
            raise ValueError(
                f"n_fft {n_fft} must be even and a multiple of hop_length {hop_length}, at least twice it."
            )
        self.n_fft, self.hop_length = n_fft, hop_length
        self.framing, self.overlap_add = Framing(n_fft, hop_length), OverlapAdd(n_fft, hop_length)
        window = torch.hann_window(n_fft)
        self.register_buffer("window", window, persistent=False)
        # The sum of the squared windows over a sample repeats with every hop.
        self.register_buffer("power", window.square().view(-1, hop_length).sum(dim=0), persistent=False)

    @property
    def num_bins(self) -> int:
        return self.n_fft // 2 + 1

    @property
    def delay(self) -> int:
        """Samples that a stream is late by."""
        return self.framing.delay

    def num_frames(self, lengths: Tensor) -> Tensor:
        """Frames of signals of ``lengths`` samples, (B,)."""
        return self.framing.num_frames(lengths)

    def analyze(self, waveform: Tensor, state: StreamState | None = None) -> Tensor:
        """(B, N) -> (B, T, F, 2); with a state, N samples are whole hops and T = N / hop."""
        with torch.autocast(waveform.device.type, enabled=False):
            frames = self.framing(waveform.float(), state)
            return torch.view_as_real(torch.fft.rfft(frames * self.window))

    def analyze_rows(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        """(B, N), zeros behind each row's samples (B,) -> (B, T, F, 2)."""
        return self.analyze(waveform)

    def synthesize_rows(self, maps: Tensor, lengths: Tensor | None, num_samples: int) -> Tensor:
        """(B, T, F, 2) -> (B, num_samples)."""
        return self.synthesize(maps, num_samples)

    def synthesize(self, maps: Tensor, num_samples: int, state: StreamState | None = None) -> Tensor:
        """(B, T, F, 2) -> (B, num_samples); with a state, all T * hop samples, late by ``delay``."""
        with torch.autocast(maps.device.type, enabled=False):
            spectrum = torch.view_as_complex(maps.float().contiguous())
            frames = torch.fft.irfft(spectrum, n=self.n_fft) * self.window
            waveform = self.overlap_add(frames, state).unflatten(1, (-1, self.hop_length)) / self.power
            waveform = waveform.flatten(1)
            return waveform if state is not None else waveform[:, self.delay : self.delay + num_samples]


class ReflectedSTFT(STFT):
    """The frames of ``torch.stft``: centred on every hop, with the signal reflected at both of its ends.

    For networks that were trained so. They hear each end twice instead of zeros, and what is behind the last
    whole hop has no place in their output: it is silent.
    """

    def __init__(self, n_fft: int, hop_length: int):
        super().__init__(n_fft, hop_length)
        if n_fft != 2 * hop_length:
            raise ValueError(
                f"reflected edges want hop_length n_fft / 2, got n_fft {n_fft}, hop_length {hop_length}."
            )

    def num_frames(self, lengths: Tensor) -> Tensor:
        return lengths // self.hop_length + 1

    def reflected(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        """(B, N) -> (B, N + n_fft): each row with a hop of itself, mirrored, in front and behind its own end."""
        hop = self.hop_length
        # A mirror wants more than it shows.
        waveform = F.pad(waveform, (0, max(hop + 1 - waveform.size(1), 0)))
        if lengths is None:
            return F.pad(waveform, (hop, hop), mode="reflect")
        rows = []
        for row, length in zip(waveform, lengths.clamp_min(hop + 1).tolist()):
            mirrored = F.pad(row[None, :length], (hop, hop), mode="reflect")
            rows.append(F.pad(mirrored, (0, waveform.size(1) - length)))
        return torch.cat(rows)

    def analyze_rows(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        """(B, N), valid samples (B,) or None where all are -> (B, N // hop + 1, F, 2)."""
        with torch.autocast(waveform.device.type, enabled=False):
            frames = self.reflected(waveform.float(), lengths).unfold(1, self.n_fft, self.hop_length)
            # A signal below a hop was lengthened for its mirror, and has one frame, as among longer ones.
            frames = frames[:, : waveform.size(1) // self.hop_length + 1]
            return torch.view_as_real(torch.fft.rfft(frames * self.window))

    def synthesize_rows(self, maps: Tensor, lengths: Tensor | None, num_samples: int) -> Tensor:
        """(B, T, F, 2), valid samples (B,) or None where all are -> (B, num_samples)."""
        waveform = self.synthesize(maps, num_samples)
        waveform = F.pad(waveform, (0, num_samples - waveform.size(1)))
        if lengths is None:
            return waveform
        ends = lengths // self.hop_length * self.hop_length
        return waveform * (torch.arange(num_samples, device=ends.device) < ends[:, None])

"""The network of a flow between spectra: a transformer that gives each bin a complex gain and something new."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from espnet_tse.layers.diffusion_transformer import DiT, TimeEmbedding
from espnet_tse.layers.spectral_frames import compressed
from espnet_tse.schema import Conditions, Frames

# The average velocity is differentiated by the time: fast sinusoids would make its derivative large and useless.
TIME_SCALE = 10.0
GAP = 100  # frames between the enrollment's end and the mixture's start on the axis of positions


@dataclass(frozen=True)
class SpectralVelocityConfig:
    """Sizes are ours: the abstracts name none."""

    num_layers: int = 12
    width: int = 768
    num_heads: int = 12
    feedforward: int = 3072
    dropout: float = 0.0
    # u = g x + a, bin by bin, with complex g; false: u = a. What stays of the mixture then has to pass through the network.
    gain: bool = True
    input_exponent: float = 0.5  # of the magnitudes that the network hears; the path stays as it is
    hears_enrollment: bool = False  # its frames stand in front of the mixture's, as in AD-FlowTSE

    def __post_init__(self):
        if min(self.num_layers, self.width, self.num_heads, self.feedforward) < 1:
            raise ValueError(f"sizes of a flow must be positive: {self}.")
        if self.width % self.num_heads or self.width // self.num_heads % 2:
            raise ValueError(f"width {self.width} wants heads of one even width, not {self.num_heads} heads.")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout is {self.dropout}, want a share in [0, 1).")
        if not 0.0 < self.input_exponent <= 1.0:
            raise ValueError(f"input_exponent is {self.input_exponent}, want a number in (0, 1].")


class SpectralVelocity(nn.Module):
    """u(x, t, s) by a DiT whose norms follow t, s - t and the speaker's vector.

    It hears the state alone and no mixture beside it: both lie on one line, so two of its points would give the velocity away.
    """

    def __init__(self, config: SpectralVelocityConfig, num_bins: int, speaker_dim: int, of_intervals: bool):
        """
        Args:
            num_bins: F.
            of_intervals: whether s is heard; without, it is the velocity at t.
        """
        super().__init__()
        self.config, self.num_bins = config, num_bins
        self.transformer = DiT(
            2 * num_bins + config.hears_enrollment,  # and which of the two signals a frame is of
            (4 if config.gain else 2) * num_bins,
            config.num_layers,
            config.width,
            config.num_heads,
            config.feedforward,
            config.dropout,
        )
        self.time = TimeEmbedding(config.width, TIME_SCALE)
        self.interval = TimeEmbedding(config.width, TIME_SCALE) if of_intervals else None
        self.speaker = nn.Linear(speaker_dim, config.width)

    def forward(self, state: Tensor, time: Tensor, end: Tensor, conditions: Conditions) -> Tensor:
        """u(x_t, t, s).

        Args:
            state: (B, T, 2F) x_t.
            time, end: (B,) t <= s.
            conditions: the vector ``speaker`` and the stream ``mixture``, whose lengths are those of ``state``;
                ``enrollment`` where it is heard.
        Returns:
            (B, T, 2F); padding means nothing.
        """
        condition = self.time(time) + self.speaker(conditions.vectors["speaker"])
        if self.interval is not None:
            condition = condition + self.interval(end - time)
        padding, positions = conditions.streams["mixture"].padding_mask, None
        values, before = self.heard(state), 0
        if self.config.hears_enrollment:
            enrollment = conditions.streams["enrollment"]
            before = enrollment.values.size(1)
            values = torch.cat([marked(self.heard(enrollment.values), 1.0), marked(values, 0.0)], dim=1)
            positions = positions_of(enrollment, state.size(1))
            padding = torch.cat([enrollment.padding_mask, padding], dim=1)
        output = self.transformer(values, condition, padding, positions)[:, before:]
        if not self.config.gain:
            return output
        gain, added = output.chunk(2, dim=-1)
        return multiplied(gain, state) + added

    def heard(self, values: Tensor) -> Tensor:
        """(B, T, 2F) with compressed magnitudes."""
        maps = values.unflatten(2, (2, self.num_bins)).movedim(2, -1)
        return compressed(maps, self.config.input_exponent).movedim(-1, 2).flatten(2)


def multiplied(first: Tensor, second: Tensor) -> Tensor:
    """Products of complex numbers whose real and imaginary parts are the halves of the last axis."""
    (a, b), (c, d) = first.chunk(2, dim=-1), second.chunk(2, dim=-1)
    return torch.cat([a * c - b * d, a * d + b * c], dim=-1)


def marked(values: Tensor, mark: float) -> Tensor:
    """(B, T, D) with a last channel of ``mark``: (B, T, D + 1)."""
    return nn.functional.pad(values, (0, 1), value=mark)


def positions_of(enrollment: Frames, num_frames: int) -> Tensor:
    """(B, T_e + T) of an enrollment that ends ``GAP`` frames before the mixture, whatever the padding between them."""
    device = enrollment.values.device
    before = torch.arange(enrollment.values.size(1), device=device) - enrollment.lengths[:, None] - GAP
    mixture = torch.arange(num_frames, device=device).expand(len(before), -1)
    return torch.cat([before, mixture], dim=1)

"""ECAPA-TDNN (arXiv:2005.07143): frames of speech -> frames about the voice, and one vector of it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DILATIONS = (2, 3, 4)
GROUPS = 8  # of a Res2 convolution
VARIANCE_FLOOR = 1e-7


class ConvReluNorm(nn.Module):
    """Norm behind the activation, in this order: (B, C_in, T) -> (B, C_out, T)."""

    def __init__(self, input_dim: int, channels: int, kernel_size: int = 1, dilation: int = 1):
        super().__init__()
        padding = dilation * (kernel_size - 1) // 2
        self.conv = nn.Conv1d(input_dim, channels, kernel_size, padding=padding, dilation=dilation)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.norm(F.relu(self.conv(hidden)))


class Res2Conv(nn.Module):
    """A chain of convolutions over groups of channels; each hears the one before it, the last group stays."""

    def __init__(self, channels: int, kernel_size: int, dilation: int):
        super().__init__()
        if channels % GROUPS:
            raise ValueError(f"channels {channels} are not divisible by the {GROUPS} groups of a block.")
        width = channels // GROUPS
        self.layers = nn.ModuleList(
            ConvReluNorm(width, width, kernel_size, dilation) for _ in range(GROUPS - 1)
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        *parts, last = hidden.chunk(GROUPS, dim=1)
        outputs = [self.layers[0](parts[0])]
        for layer, part in zip(self.layers[1:], parts[1:]):
            outputs.append(layer(outputs[-1] + part))
        return torch.cat([*outputs, last], dim=1)


class ChannelGate(nn.Module):
    """Squeeze and excitation: channels weighted by what the mean over time says, (B, C, T) -> (B, C, T)."""

    def __init__(self, channels: int, bottleneck: int):
        super().__init__()
        self.squeeze = nn.Linear(channels, bottleneck)
        self.excite = nn.Linear(bottleneck, channels)

    def forward(self, hidden: Tensor) -> Tensor:
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(hidden.mean(dim=2)))))
        return hidden * gate[..., None]


class SERes2Block(nn.Module):
    """x + gate(conv(res2(conv(x)))), (B, C, T) -> (B, C, T)."""

    def __init__(self, channels: int, dilation: int, bottleneck: int):
        super().__init__()
        self.before = ConvReluNorm(channels, channels)
        self.res2 = Res2Conv(channels, 3, dilation)
        self.after = ConvReluNorm(channels, channels)
        self.gate = ChannelGate(channels, bottleneck)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.gate(self.after(self.res2(self.before(hidden))))


class AttentiveStatistics(nn.Module):
    """Mean and standard deviation weighted over time, a weight a channel: (B, C, T) -> (B, 2 C).

    The weights follow the frame and, as its context, the plain statistics of all frames (Sec. 3.1).
    """

    def __init__(self, channels: int, bottleneck: int):
        super().__init__()
        self.hidden = nn.Conv1d(3 * channels, bottleneck, 1)
        self.score = nn.Conv1d(bottleneck, channels, 1)

    def forward(self, frames: Tensor) -> Tensor:
        mean = frames.mean(dim=2, keepdim=True)
        deviation = (frames.var(dim=2, keepdim=True) + VARIANCE_FLOOR).sqrt()
        context = torch.cat([frames, mean.expand_as(frames), deviation.expand_as(frames)], dim=1)
        weights = self.score(torch.tanh(self.hidden(context))).softmax(dim=2)
        weighted = (weights * frames).sum(dim=2)
        variance = (weights * frames.square()).sum(dim=2) - weighted.square()
        return torch.cat([weighted, variance.clamp_min(VARIANCE_FLOOR).sqrt()], dim=1)


class EcapaTDNN(nn.Module):
    """Frames for further layers, and the speaker's vector.

    Args:
        input_dim: of the frames, such as mel bands.
        channels: a multiple of 8.
        output_channels: of the frames about the voice.
        vector_dim: of the vector.
    """

    def __init__(
        self, input_dim: int, channels: int, output_channels: int, vector_dim: int, bottleneck: int = 128
    ):
        super().__init__()
        self.input = ConvReluNorm(input_dim, channels, 5)
        self.blocks = nn.ModuleList(SERes2Block(channels, dilation, bottleneck) for dilation in DILATIONS)
        self.joined = nn.Conv1d(len(DILATIONS) * channels, output_channels, 1)
        self.pooling = AttentiveStatistics(output_channels, bottleneck)
        self.norm = nn.BatchNorm1d(2 * output_channels)
        self.output = nn.Linear(2 * output_channels, vector_dim)

    def frames(self, features: Tensor) -> Tensor:
        """Unpadded rows (b, T, input_dim) -> (b, T, output_channels), none below 0."""
        hidden, outputs = self.input(features.transpose(1, 2)), []
        for block in self.blocks:
            hidden = block(hidden)
            outputs.append(hidden)
        return F.relu(self.joined(torch.cat(outputs, dim=1))).transpose(1, 2)

    def vector(self, frames: Tensor) -> Tensor:
        """What ``frames`` gave, two or more a row -> (b, vector_dim)."""
        return self.output(self.norm(self.pooling(frames.transpose(1, 2))))

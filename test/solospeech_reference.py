"""The released layout of SoloSpeech with random weights, and what it computes, written down tensor by tensor.

Everything here goes by the released names and knows nothing of the package's modules.
"""

from math import log

import torch
from torch import Tensor
from torch.nn import functional as F

Shapes = dict[str, tuple[int, ...]]
# Of the VAE: cells of EMB channels, LSTMs of HIDDEN, HEADS of NARROW channels for queries; a hop is half a window.
EMB, HIDDEN, HEADS, NARROW, N_FFT, DIM, VAE_BLOCKS = 4, 3, 2, 5, 32, 6, 2
BINS, HOP = N_FFT // 2 + 1, N_FFT // 2
# Of the corrector: channels of the highest resolution, and how many times as many the others have.
CHANNELS, MULTIPLES, NUM_BLOCKS, ATTENTION_HEIGHT, HEIGHT = 8, (1, 1, 2, 2, 2, 2, 2), 2, 16, 256
# Of the extractor: width, heads of 8, blocks on the way in and out; then of what describes the enrollment.
WIDTH, HALF, CONTEXT, CONDITION, CONDITION_BLOCKS, HEAD, GATED = 16, 2, 12, 24, 3, 8, 256


def layer(name: str, *shape: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": shape, **({f"{name}.bias": shape[:1]} if bias else {})}


def grid_shapes(name: str) -> Shapes:
    """Of one block of TF-GridNet."""
    found: Shapes = {}
    for axis in ("intra", "inter"):
        found |= {f"{name}.{axis}_norm.weight": (EMB,), f"{name}.{axis}_norm.bias": (EMB,)}
        for end in ("", "_reverse"):
            found[f"{name}.{axis}_rnn.weight_ih_l0{end}"] = (4 * HIDDEN, EMB)
            found[f"{name}.{axis}_rnn.weight_hh_l0{end}"] = (4 * HIDDEN, HIDDEN)
            found |= {f"{name}.{axis}_rnn.bias_{kind}_l0{end}": (4 * HIDDEN,) for kind in ("ih", "hh")}
        found |= layer(f"{name}.{axis}_linear", EMB, 2 * HIDDEN)
    for letter, channels in (("Q", NARROW * HEADS), ("K", NARROW * HEADS), ("V", EMB)):
        found |= layer(f"{name}.attn_conv_{letter}", channels, EMB, 1, 1)
        found[f"{name}.attn_norm_{letter}.act.weight"] = (HEADS,)
        for kind in ("gamma", "beta"):
            found[f"{name}.attn_norm_{letter}.{kind}"] = (1, HEADS, channels // HEADS, 1, BINS)
    found |= layer(f"{name}.attn_concat_proj.0", EMB, EMB, 1, 1)
    found[f"{name}.attn_concat_proj.1.weight"] = (1,)
    return found | {f"{name}.attn_concat_proj.2.{kind}": (1, EMB, 1, BINS) for kind in ("gamma", "beta")}


def vae_shapes() -> Shapes:
    found = layer("encoder.conv.0", EMB, 2, 3, 3)
    found |= {"encoder.conv.1.weight": (EMB,), "encoder.conv.1.bias": (EMB,), "encoder.proj.0.weight": (1,)}
    found |= layer("encoder.proj.1", 2 * DIM, EMB * BINS, 1)
    found |= {"decoder.deconv.weight": (EMB, 2, 3, 3), "decoder.deconv.bias": (2,)}
    found |= layer("decoder.proj", EMB * BINS, DIM, 7)
    for side in ("encoder", "decoder"):
        for number in range(VAE_BLOCKS):
            found |= grid_shapes(f"{side}.dual_mdl.{number}")
    return found


def attention_shapes(name: str, width: int) -> Shapes:
    found = layer(f"{name}.proj", width, width)
    for letter in "qkv":
        found |= layer(f"{name}.to_{letter}", width, width, bias=False)
    return found | layer(f"{name}.norm_q", HEAD) | layer(f"{name}.norm_k", HEAD)


def feedforward_shapes(name: str, width: int) -> Shapes:
    return layer(f"{name}.mlp.w1", 2 * GATED, width) | layer(f"{name}.mlp.w2", width, GATED)


def extractor_shapes() -> Shapes:
    found = layer("spk_proj", CONTEXT, DIM) | layer("spk_model.in_proj", CONDITION, CONTEXT)
    found |= layer("spk_model.norm", CONDITION) | layer("spk_model.final_layer", CONTEXT, CONDITION)
    for number in range(CONDITION_BLOCKS):
        name = f"spk_model.blocks.{number}"
        found |= layer(f"{name}.norm1", CONDITION) | layer(f"{name}.norm3", CONDITION)
        found |= attention_shapes(f"{name}.attn", CONDITION) | feedforward_shapes(name, CONDITION)
    found |= layer("model.patch_embed.proj", WIDTH, 2 * DIM, 1) | layer(
        "model.final_block.linear", DIM, WIDTH
    )
    found |= layer("model.time_embed.mlp.0", WIDTH, 256) | layer("model.time_embed.mlp.2", WIDTH, WIDTH)
    found |= layer("model.context_embed.0", WIDTH, CONTEXT) | layer("model.context_embed.2", WIDTH, WIDTH)
    found |= layer("model.time_ada_final", 2 * WIDTH, WIDTH)
    for name in blocks():
        found |= layer(f"{name}.adaln", 6 * WIDTH, WIDTH)
        found |= layer(f"{name}.norm2", WIDTH) | layer(f"{name}.norm_context", WIDTH)
        found |= attention_shapes(f"{name}.attn", WIDTH) | attention_shapes(f"{name}.cross_attn", WIDTH)
        found |= feedforward_shapes(name, WIDTH)
        if "out_blocks" in name:
            found |= layer(f"{name}.skip_norm", 2 * WIDTH) | layer(f"{name}.skip_linear", WIDTH, 2 * WIDTH)
    return found


def blocks() -> list[str]:
    """Of the diffusion's network, in their order."""
    first, last = ([f"model.{side}_blocks.{number}" for number in range(HALF)] for side in ("in", "out"))
    return [*first, "model.mid_block", *last]


def group_shapes(name: str, channels: int) -> Shapes:
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


class Layers:
    """Shapes of a list of layers, one after the other."""

    def __init__(self):
        self.shapes: Shapes = {"all_modules.0.W": (CHANNELS,)}
        self.number = 1

    def add(self, shapes_of, *sizes: int) -> None:
        self.shapes |= shapes_of(f"all_modules.{self.number}", *sizes)
        self.number += 1


def block_shapes(name: str, before: int, after: int, resampled: bool = False) -> Shapes:
    found = group_shapes(f"{name}.GroupNorm_0", before) | layer(f"{name}.Conv_0", after, before, 3, 3)
    found |= layer(f"{name}.Dense_0", after, 4 * CHANNELS) | group_shapes(f"{name}.GroupNorm_1", after)
    found |= layer(f"{name}.Conv_1", after, after, 3, 3)
    return found | (layer(f"{name}.Conv_2", after, before, 1, 1) if resampled or before != after else {})


def map_attention_shapes(name: str, channels: int) -> Shapes:
    found = group_shapes(f"{name}.GroupNorm_0", channels)
    for number in range(4):
        found |= {f"{name}.NIN_{number}.W": (channels, channels), f"{name}.NIN_{number}.b": (channels,)}
    return found


def corrector_shapes() -> Shapes:
    """In the order of the trained module's parameters."""
    layers, time_dim = Layers(), 4 * CHANNELS
    layers.add(layer, time_dim, 2 * CHANNELS)
    layers.add(layer, time_dim, time_dim)
    layers.add(layer, CHANNELS, 6, 3, 3)
    kept, before = [CHANNELS], CHANNELS
    for level, multiple in enumerate(MULTIPLES):
        for _ in range(NUM_BLOCKS):
            layers.add(block_shapes, before, multiple * CHANNELS)
            before = multiple * CHANNELS
            if HEIGHT >> level == ATTENTION_HEIGHT:
                layers.add(map_attention_shapes, before)
            kept.append(before)
        if level + 1 < len(MULTIPLES):
            layers.add(block_shapes, before, before, True)
            layers.add(lambda name, size: layer(f"{name}.Conv_0", size, 6, 1, 1), before)
            kept.append(before)
    layers.add(block_shapes, before, before)
    layers.add(map_attention_shapes, before)
    layers.add(block_shapes, before, before)
    for level, multiple in reversed(list(enumerate(MULTIPLES))):
        for _ in range(NUM_BLOCKS + 1):
            layers.add(block_shapes, before + kept.pop(), multiple * CHANNELS)
            before = multiple * CHANNELS
        if HEIGHT >> level == ATTENTION_HEIGHT:
            layers.add(map_attention_shapes, before)
        layers.add(group_shapes, before)
        layers.add(layer, 6, before, 3, 3)
        if level > 0:
            layers.add(block_shapes, before, before, True)
    return layer("output_layer", 2, 6, 1, 1) | layers.shapes


def random_weights(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes.items():
        fan_in = torch.Size(shape[1:]).numel() if len(shape) > 1 else 1
        values = torch.randn(shape, generator=generator)
        weights[name] = 0.5 + 0.3 * values if len(shape) == 1 or "gamma" in name else values * fan_in**-0.5
    return weights


class Reference:
    """What weights of the released names compute; one recording at a time."""

    def __init__(self, weights: dict[str, Tensor]):
        self.weights = weights

    def __getitem__(self, name: str) -> Tensor:
        return self.weights[name]

    def pair(self, name: str) -> tuple[Tensor, Tensor | None]:
        return self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")

    def linear(self, hidden: Tensor, name: str) -> Tensor:
        return F.linear(hidden, *self.pair(name))

    def normed(self, hidden: Tensor, name: str | None = None) -> Tensor:
        """LayerNorm with the eps of PyTorch, with or without gain and shift."""
        return F.layer_norm(hidden, hidden.shape[-1:], *(self.pair(name) if name else ()), eps=1e-5)


class VAE(Reference):
    def encode(self, waveform: Tensor) -> Tensor:
        """(1, N) -> means of the posterior (1, D, T), T = N // hop + 1."""
        levelled = waveform / (waveform.std() + 1e-6)
        spectrum = torch.stft(levelled, N_FFT, HOP, window=torch.hann_window(N_FFT), return_complex=True)
        maps = torch.stack([spectrum.real, spectrum.imag], dim=1).transpose(2, 3)  # (1, 2, T, F)
        maps = F.conv2d(maps, *self.pair("encoder.conv.0"), padding=1)
        maps = F.group_norm(maps, 1, *self.pair("encoder.conv.1"), eps=1e-6)
        for number in range(VAE_BLOCKS):
            maps = self.grid(maps, f"encoder.dual_mdl.{number}")
        hidden = F.prelu(maps.transpose(2, 3).flatten(1, 2), self["encoder.proj.0.weight"])
        return F.conv1d(hidden, *self.pair("encoder.proj.1"))[:, :DIM]

    def decode(self, latents: Tensor) -> Tensor:
        """(1, D, T) -> (1, (T - 1) * hop)."""
        hidden = F.conv1d(latents, *self.pair("decoder.proj"), padding=3)
        maps = hidden.unflatten(1, (EMB, BINS)).transpose(2, 3)
        for number in range(VAE_BLOCKS):
            maps = self.grid(maps, f"decoder.dual_mdl.{number}")
        real, imaginary = F.conv_transpose2d(maps, *self.pair("decoder.deconv"), padding=1).transpose(2, 3)[0]
        return torch.istft(torch.complex(real, imaginary)[None], N_FFT, HOP, window=torch.hann_window(N_FFT))

    def grid(self, maps: Tensor, name: str) -> Tensor:
        """(1, C, T, F) -> the same."""
        maps = maps + self.recurrence(maps[0].permute(1, 2, 0), f"{name}.intra").permute(2, 0, 1)[None]
        maps = maps + self.recurrence(maps[0].permute(2, 1, 0), f"{name}.inter").permute(2, 1, 0)[None]
        query, key, value = (self.head_maps(maps, name, letter) for letter in "QKV")
        weights = (query @ key.transpose(1, 2) * query.size(-1) ** -0.5).softmax(dim=-1)
        heads = (weights @ value).unflatten(-1, (EMB // HEADS, BINS))  # (H, T, C / H, F)
        merged = heads.transpose(1, 2).flatten(0, 1)[None]  # (1, C, T, F)
        merged = F.prelu(
            F.conv2d(merged, *self.pair(f"{name}.attn_concat_proj.0")),
            self[f"{name}.attn_concat_proj.1.weight"],
        )
        return maps + self.over(merged, (1, 3), f"{name}.attn_concat_proj.2")

    def recurrence(self, sequences: Tensor, name: str) -> Tensor:
        """(sequences, L, C) -> the same, through the norm, an LSTM each way and a linear layer."""
        lstm = torch.nn.LSTM(EMB, HIDDEN, batch_first=True, bidirectional=True)
        lstm.load_state_dict({key: self[f"{name}_rnn.{key}"] for key in lstm.state_dict()})
        return self.linear(lstm(self.normed(sequences, f"{name}_norm"))[0], f"{name}_linear")

    def head_maps(self, maps: Tensor, name: str, letter: str) -> Tensor:
        """(1, C, T, F) -> (H, T, E * F)."""
        maps = F.conv2d(maps, *self.pair(f"{name}.attn_conv_{letter}"))[0].unflatten(0, (HEADS, -1))
        maps = F.prelu(maps[None], self[f"{name}.attn_norm_{letter}.act.weight"])
        return self.over(maps, (2, 4), f"{name}.attn_norm_{letter}")[0].transpose(1, 2).flatten(2)

    def over(self, maps: Tensor, axes: tuple[int, ...], name: str) -> Tensor:
        """Normalised over ``axes``, then gain and shift."""
        centred = maps - maps.mean(dim=axes, keepdim=True)
        deviation = (centred.square().mean(dim=axes, keepdim=True) + 1e-5).sqrt()
        return centred / deviation * self[f"{name}.gamma"] + self[f"{name}.beta"]


class Extractor(Reference):
    def velocity(self, state: Tensor, step: int, mixture: Tensor, enrollment: Tensor) -> Tensor:
        """Latents (1, T, D), (1, T, D) and (1, L, D) -> (1, T, D)."""
        context = self.condition(self.linear(enrollment, "spk_proj"))
        context = self.linear(F.silu(self.linear(context, "model.context_embed.0")), "model.context_embed.2")
        hidden = torch.cat([state, mixture], dim=-1).transpose(1, 2)
        hidden = F.conv1d(hidden, *self.pair("model.patch_embed.proj")).transpose(1, 2)
        angles = step * torch.exp(-log(10000) * torch.arange(128) / 128)
        time = self.linear(torch.cat([angles.cos(), angles.sin()])[None], "model.time_embed.mlp.0")
        time = F.silu(self.linear(F.silu(time), "model.time_embed.mlp.2"))
        kept = []
        for name in blocks():
            skip = kept.pop() if "out_blocks" in name else None
            hidden = self.block(hidden, skip, time, context, name)
            if "in_blocks" in name:
                kept.append(hidden)
        shift, scale = self.linear(time, "model.time_ada_final").chunk(2, dim=-1)
        return self.linear(self.normed(hidden) * (1 + scale) + shift, "model.final_block.linear")

    def block(self, hidden: Tensor, skip: Tensor | None, time: Tensor, context: Tensor, name: str) -> Tensor:
        if skip is not None:
            joined = self.normed(torch.cat([hidden, skip], dim=-1), f"{name}.skip_norm")
            hidden = self.linear(joined, f"{name}.skip_linear")
        scale, gate, shift, scale_2, gate_2, shift_2 = self.linear(time, f"{name}.adaln").chunk(6, dim=-1)
        own = self.normed(hidden) * (1 + scale) + shift
        hidden = hidden + self.attention(own, own, f"{name}.attn", True) * torch.tanh(1 - gate)
        other = self.normed(context, f"{name}.norm_context")
        hidden = hidden + self.attention(
            self.normed(hidden, f"{name}.norm2"), other, f"{name}.cross_attn", False
        )
        fed = self.feedforward(self.normed(hidden) * (1 + scale_2) + shift_2, name)
        return hidden + fed * torch.tanh(1 - gate_2)

    def condition(self, hidden: Tensor) -> Tensor:
        """What describes the enrollment."""
        hidden = self.linear(hidden, "spk_model.in_proj")
        for number in range(CONDITION_BLOCKS):
            name = f"spk_model.blocks.{number}"
            own = self.normed(hidden, f"{name}.norm1")
            hidden = hidden + self.attention(own, own, f"{name}.attn", True)
            hidden = hidden + self.feedforward(self.normed(hidden, f"{name}.norm3"), name)
        return self.linear(self.normed(hidden, "spk_model.norm"), "spk_model.final_layer")

    def feedforward(self, hidden: Tensor, name: str) -> Tensor:
        first, gate = self.linear(hidden, f"{name}.mlp.w1").chunk(2, dim=-1)
        return self.linear(F.silu(first) * gate, f"{name}.mlp.w2")

    def attention(self, hidden: Tensor, context: Tensor, name: str, turned: bool) -> Tensor:
        query, key, value = (
            self.linear(values, f"{name}.to_{letter}").unflatten(-1, (-1, HEAD)).transpose(1, 2)
            for letter, values in zip("qkv", (hidden, context, context))
        )
        query, key = self.normed(query, f"{name}.norm_q"), self.normed(key, f"{name}.norm_k")
        if turned:
            query, key = rotated(query), rotated(key)
        weights = (query @ key.transpose(2, 3) * HEAD**-0.5).softmax(dim=-1)
        return self.linear((weights @ value).transpose(1, 2).flatten(2), f"{name}.proj")


class Corrector(Reference):
    """One step from the mixture, at time 0.5."""

    TIME, K, THETA = 0.5, 2.6, 0.52

    @property
    def deviation(self) -> float:
        """Of the state around its mean, by quadrature."""
        times = torch.linspace(0, self.TIME, 100001, dtype=torch.float64)
        growth = self.THETA * self.K ** (2 * times) / (1 - times) ** 2
        return float((1 - self.TIME) * torch.trapezoid(growth, times).sqrt())

    def correct(self, mixture: Tensor, estimate: Tensor, noise: Tensor) -> Tensor:
        """(1, N), (1, N) and complex (1, 256, T) -> (1, N), before it is brought to a level."""
        peak = mixture.abs().max()
        end, other = self.compressed(mixture / peak), self.compressed(estimate / peak)
        state = end + noise * self.deviation
        drift = (end - state) / (1 - self.TIME)
        score = -self.network(state, end, other)
        found = state - (drift - self.THETA * self.K ** (2 * self.TIME) * score) * self.TIME
        spectrum = torch.polar((found.abs() / 0.15) ** 2, found.angle())
        return peak * torch.istft(
            spectrum, 510, 128, window=torch.hann_window(510), center=True, length=mixture.size(1)
        )

    def compressed(self, waveform: Tensor) -> Tensor:
        spectrum = torch.stft(waveform, 510, 128, window=torch.hann_window(510), return_complex=True)
        compressed = torch.polar(0.15 * spectrum.abs().sqrt(), spectrum.angle())
        return F.pad(compressed, (0, -compressed.size(2) % 64))

    def network(self, *spectra: Tensor) -> Tensor:
        """Three complex (1, 256, T) -> one."""
        self.number = 0
        pyramid = torch.cat([part for spectrum in spectra for part in (spectrum.real, spectrum.imag)])[None]
        angles = torch.log(torch.tensor([self.TIME])) * self["all_modules.0.W"] * 2 * torch.pi
        time = self.linear(torch.cat([angles.sin(), angles.cos()])[None], self.next())
        time = F.silu(self.linear(F.silu(time), self.next()))
        hidden = self.conv(pyramid, self.next())
        kept = [hidden]
        for level in range(len(MULTIPLES)):
            for _ in range(NUM_BLOCKS):
                hidden = self.attended(self.block(hidden, time), level)
                kept.append(hidden)
            if level + 1 < len(MULTIPLES):
                hidden, pyramid = self.block(hidden, time, halved), halved(pyramid)
                hidden = self.conv(pyramid, f"{self.next()}.Conv_0") + hidden
                kept.append(hidden)
        hidden = self.map_attention(self.block(hidden, time))
        hidden, drawn = self.block(hidden, time), None
        for level in reversed(range(len(MULTIPLES))):
            for _ in range(NUM_BLOCKS + 1):
                hidden = self.block(torch.cat([hidden, kept.pop()], dim=1), time)
            hidden = self.attended(hidden, level)
            here = self.conv(F.silu(self.group(hidden, self.next())), self.next())
            drawn = here if drawn is None else doubled(drawn) + here
            hidden = self.block(hidden, time, doubled) if level > 0 else hidden
        real, imaginary = self.conv(drawn / self.TIME, "output_layer")[0]
        return torch.complex(real, imaginary)[None]

    def next(self) -> str:
        """Name of the next layer of the list."""
        self.number += 1
        return f"all_modules.{self.number}"

    def conv(self, maps: Tensor, name: str) -> Tensor:
        weight, bias = self.pair(name)
        return F.conv2d(maps, weight, bias, padding=weight.size(2) // 2)

    def group(self, maps: Tensor, name: str) -> Tensor:
        return F.group_norm(maps, min(maps.size(1) // 4, 32), *self.pair(name), eps=1e-6)

    def block(self, maps: Tensor, time: Tensor, resampled=None) -> Tensor:
        name = self.next()
        hidden = F.silu(self.group(maps, f"{name}.GroupNorm_0"))
        if resampled is not None:
            hidden, maps = resampled(hidden), resampled(maps)
        hidden = self.conv(hidden, f"{name}.Conv_0") + self.linear(time, f"{name}.Dense_0")[..., None, None]
        hidden = self.conv(F.silu(self.group(hidden, f"{name}.GroupNorm_1")), f"{name}.Conv_1")
        if f"{name}.Conv_2.weight" in self.weights:
            maps = self.conv(maps, f"{name}.Conv_2")
        return (maps + hidden) / 2**0.5

    def attended(self, maps: Tensor, level: int) -> Tensor:
        return self.map_attention(maps) if HEIGHT >> level == ATTENTION_HEIGHT else maps

    def map_attention(self, maps: Tensor) -> Tensor:
        name = self.next()
        places = self.group(maps, f"{name}.GroupNorm_0").flatten(2).transpose(1, 2)
        query, key, value = (places @ self[f"{name}.NIN_{n}.W"] + self[f"{name}.NIN_{n}.b"] for n in range(3))
        mixed = (query @ key.transpose(1, 2) * maps.size(1) ** -0.5).softmax(dim=-1) @ value
        mixed = mixed @ self[f"{name}.NIN_3.W"] + self[f"{name}.NIN_3.b"]
        return (maps + mixed.transpose(1, 2).view_as(maps)) / 2**0.5


def filtered(maps: Tensor, gain: float) -> Tensor:
    """[1, 3, 3, 1] in both directions, over padded maps."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = gain * torch.outer(taps, taps) / 64
    return F.conv2d(maps, kernel.expand(maps.size(1), 1, 4, 4), groups=maps.size(1))


def halved(maps: Tensor) -> Tensor:
    return filtered(F.pad(maps, (1, 1, 1, 1)), 1.0)[..., ::2, ::2]


def doubled(maps: Tensor) -> Tensor:
    """Zeros between the places, then the filter."""
    spread = maps.new_zeros(*maps.shape[:2], 2 * maps.size(2), 2 * maps.size(3))
    spread[..., ::2, ::2] = maps
    return filtered(F.pad(spread, (2, 1, 2, 1)), 4.0)


def rotated(values: Tensor) -> Tensor:
    """(1, H, L, 8), the halves turned against each other by the position."""
    angles = torch.arange(values.size(2))[:, None] * 10000.0 ** (-torch.arange(0, HEAD, 2) / HEAD)
    angles = torch.cat([angles, angles], dim=-1)
    first, second = values.chunk(2, dim=-1)
    return values * angles.cos() + torch.cat([-second, first], dim=-1) * angles.sin()

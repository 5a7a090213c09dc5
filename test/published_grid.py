"""TF-GridNet as published, with the weights of ours: ESPnet's block and a plain cross attention."""

import torch
from espnet2.enh.separator.tfgridnet_separator import GridNetBlock
from espnet2.enh.separator.tfgridnetv2_separator import (
    AllHeadPReLULayerNormalization4DCF as HeadNormalization,
)
from espnet2.enh.separator.tfgridnetv2_separator import GridNetV2Block, LayerNormalization4DCF
from torch import Tensor, nn

from espnet_tse.layers.grid_attention import GridAttention, HeadNorm
from espnet_tse.layers.grid_block import GridBlock, GridConfig, GridRecurrence
from espnet_tse.extractor.usef_tfgridnet import USEFTFGridNet


def published_block(block: GridBlock, config: GridConfig, num_bins: int) -> GridNetV2Block:
    """ESPnet's second version, the one that the released USEF-TFGridNet is made of."""
    sizes = (config.width, config.kernel, config.hop, num_bins, config.hidden)
    theirs = GridNetV2Block(*sizes, n_head=config.num_heads, approx_qk_dim=config.approx_qk_dim)
    with torch.no_grad():
        for name, ours in (("intra", block.over_frequency), ("inter", block.over_time)):
            copy_recurrence(theirs, name, ours)
        for letter, name in (("Q", "query"), ("K", "key"), ("V", "value")):
            copy_pointwise(theirs[f"attn_conv_{letter}"], getattr(block.attention, name))
            copy_head_norm(theirs[f"attn_norm_{letter}"], getattr(block.attention, f"{name}_norm"))
        copy_output(theirs.attn_concat_proj, block.attention)
    return theirs


def first_block(block: GridBlock, config: GridConfig, num_bins: int) -> GridNetBlock:
    """ESPnet's first version: a module a head, transposed convolutions even where kernel and hop are equal."""
    sizes = (config.width, config.kernel, config.hop, num_bins, config.hidden)
    theirs = GridNetBlock(*sizes, n_head=config.num_heads, approx_qk_dim=config.approx_qk_dim)
    attention = block.attention
    with torch.no_grad():
        for name, ours in (("intra", block.over_frequency), ("inter", block.over_time)):
            copy_recurrence(theirs, name, ours)
        for letter, name in (("Q", "query"), ("K", "key"), ("V", "value")):
            linear, norm = getattr(attention, name), getattr(attention, f"{name}_norm")
            weights, biases = linear.weight.chunk(config.num_heads), linear.bias.chunk(config.num_heads)
            for head in range(config.num_heads):
                conv, activation, normalise = theirs[f"attn_conv_{letter}_{head}"]
                conv.weight.copy_(weights[head][..., None, None])
                conv.bias.copy_(biases[head])
                activation.weight.fill_(norm.slope[head])
                normalise.gamma.copy_(norm.weight[head, 0].t()[None, :, None])
                normalise.beta.copy_(norm.bias[head, 0].t()[None, :, None])
        copy_output(theirs.attn_concat_proj, attention)
    return theirs


def copy_recurrence(theirs: nn.Module, name: str, ours: GridRecurrence) -> None:
    norm, linear = theirs[f"{name}_norm"], theirs[f"{name}_linear"]
    if isinstance(norm, nn.LayerNorm):
        norm.load_state_dict(ours.norm.state_dict())
    else:
        norm.gamma.copy_(ours.norm.weight[None, :, None, None])
        norm.beta.copy_(ours.norm.bias[None, :, None, None])
    theirs[f"{name}_rnn"].load_state_dict(ours.recurrent.state_dict())
    if isinstance(linear, nn.Linear):
        linear.weight.copy_(ours.out.weight)
    else:
        linear.weight.copy_(ours.out.weight.unflatten(0, (ours.kernel, -1)).permute(2, 1, 0))
    linear.bias.copy_(ours.out_bias)


def copy_pointwise(conv: nn.Conv2d, linear: nn.Linear) -> None:
    conv.weight.copy_(linear.weight[..., None, None])
    conv.bias.copy_(linear.bias)


def copy_head_norm(theirs: HeadNormalization, ours: HeadNorm) -> None:
    theirs.gamma.copy_(ours.weight.permute(1, 0, 3, 2)[..., None, :])
    theirs.beta.copy_(ours.bias.permute(1, 0, 3, 2)[..., None, :])
    theirs.act.weight.copy_(ours.slope)


def copy_output(theirs: nn.Sequential, ours: GridAttention) -> None:
    copy_pointwise(theirs[0], ours.out)
    theirs[1].weight.copy_(ours.out_activation.weight)
    theirs[2].gamma.copy_(ours.out_norm.weight.t()[None, :, None])
    theirs[2].beta.copy_(ours.out_norm.bias.t()[None, :, None])


class PublishedAttention(nn.Module):
    """Cross attention step by step: 1 x 1 convolutions, norms of heads, softmax, 1 x 1 convolution."""

    def __init__(self, ours: GridAttention, num_bins: int):
        super().__init__()
        heads = ours.query_norm.weight.size(0)
        width = ours.value.in_features
        for name in ("query", "key", "value"):
            linear, norm = getattr(ours, name), getattr(ours, f"{name}_norm")
            conv = nn.Conv2d(width, linear.out_features, 1)
            normalise = HeadNormalization((heads, linear.out_features // heads, num_bins))
            with torch.no_grad():
                copy_pointwise(conv, linear)
                copy_head_norm(normalise, norm)
            setattr(self, name, nn.Sequential(conv, normalise))
        self.out = nn.Sequential(
            nn.Conv2d(width, width, 1), nn.PReLU(), LayerNormalization4DCF((width, num_bins))
        )
        with torch.no_grad():
            copy_output(self.out, ours)

    def forward(self, mixture: Tensor, enrollment: Tensor) -> Tensor:
        """(B, C, T, F) and (B, C, T_e, F) -> (B, C, T, F)."""
        query, key, value = self.query(mixture), self.key(enrollment), self.value(enrollment)
        flat = [part.transpose(2, 3).flatten(3) for part in (query, key, value)]  # (B, H, T, E * F)
        weights = (flat[0] @ flat[1].transpose(2, 3) / flat[0].size(3) ** 0.5).softmax(dim=3)
        mixed = (weights @ flat[2]).unflatten(3, (value.size(2), -1)).transpose(2, 3)
        return self.out(mixed.flatten(1, 2))


class PublishedUSEFTFGridNet(nn.Module):
    """Convolutions, GroupNorm, cross attention and ESPnet's blocks on (B, C, T, F) maps."""

    def __init__(self, ours: USEFTFGridNet, config: GridConfig):
        super().__init__()
        bins, width = ours.stft.num_bins, config.width // 2
        self.stft = ours.stft
        self.encoder, self.norm = nn.Conv2d(2, width, 3, padding=1), nn.GroupNorm(1, width)
        self.decoder = nn.ConvTranspose2d(2 * width, 2, 3, padding=1)
        self.encoder.load_state_dict(ours.encoder.state_dict())
        self.norm.load_state_dict(ours.encoder_norm.state_dict())
        self.decoder.load_state_dict(ours.decoder.state_dict())
        self.attention = PublishedAttention(ours.cross_attention, bins)
        self.blocks = nn.ModuleList(published_block(block, config, bins) for block in ours.blocks)

    def forward(self, mixture: Tensor, enrollment: Tensor) -> Tensor:
        """(B, N), (B, N_e) -> (B, N); rows without padding."""
        level = mixture.std(dim=1, keepdim=True)
        maps, wanted = (
            self.norm(self.encoder(self.stft.analyze(signal).permute(0, 3, 1, 2).contiguous()))
            for signal in (mixture / level, enrollment / enrollment.std(dim=1, keepdim=True))
        )
        maps = torch.cat([maps, self.attention(maps, wanted)], dim=1)
        for block in self.blocks:
            maps = block(maps)
        spectrum = self.decoder(maps).permute(0, 2, 3, 1)
        return self.stft.synthesize(spectrum, mixture.size(1)) * level

"""The released BiCodec layout with random weights, and what it computes, written down tensor by tensor.

Everything here goes by the released names and knows nothing of the package's modules.
"""

import json
from math import atanh, prod
from pathlib import Path

import torch
import yaml
from torch import Tensor
from torch.nn import functional as F

STRIDES, KERNELS = (8, 5, 4, 2), (16, 11, 8, 4)
PAPER = {
    "mel_params": dict(
        sample_rate=16000, n_fft=1024, win_length=640, hop_length=320, mel_fmin=10, mel_fmax=None, num_mels=128
    ),
    "encoder": dict(
        input_channels=1024, vocos_dim=384, vocos_intermediate_dim=2048, vocos_num_layers=12,
        out_channels=1024, sample_ratios=[1, 1],
    ),
    "decoder": dict(input_channel=1024, channels=1536, rates=list(STRIDES), kernel_sizes=list(KERNELS)),
    "quantizer": dict(
        input_dim=1024, codebook_size=8192, codebook_dim=8, commitment=0.25, codebook_loss_weight=2.0,
        use_l2_normlize=True, threshold_ema_dead_code=0.2,
    ),
    "speaker_encoder": dict(
        input_dim=128, out_dim=1024, latent_dim=128, token_num=32, fsq_levels=[4] * 6, fsq_num_quantizers=1
    ),
    "prenet": dict(
        input_channels=1024, vocos_dim=384, vocos_intermediate_dim=2048, vocos_num_layers=12,
        out_channels=1024, condition_dim=1024, sample_ratios=[1, 1], use_tanh_at_final=False,
    ),
    "postnet": dict(
        input_channels=1024, vocos_dim=384, vocos_intermediate_dim=2048, vocos_num_layers=6, out_channels=1024,
        use_tanh_at_final=False,
    ),
}  # fmt: skip


def tiny() -> dict:
    """A configuration of the same kind that runs in milliseconds."""
    small = {block: dict(values) for block, values in PAPER.items()}
    vocos = dict(vocos_dim=8, vocos_intermediate_dim=10)
    small["mel_params"] |= dict(num_mels=12)
    small["encoder"] |= dict(input_channels=16, out_channels=12, vocos_num_layers=3, **vocos)
    small["prenet"] |= dict(input_channels=12, out_channels=12, condition_dim=12, vocos_num_layers=3, **vocos)
    small["postnet"] |= dict(input_channels=12, out_channels=16, vocos_num_layers=1, **vocos)
    small["decoder"] |= dict(input_channel=12, channels=16)
    small["quantizer"] |= dict(input_dim=12, codebook_size=40, codebook_dim=4)
    small["speaker_encoder"] |= dict(input_dim=12, out_dim=12, latent_dim=6, token_num=5, fsq_levels=[4] * 3)
    return small


def shapes(conf: dict, ecapa: int = 512, ecapa_output: int = 1536) -> dict[str, tuple[int, ...]]:
    """Every tensor of the released file, by name."""
    found: dict[str, tuple[int, ...]] = {}

    def layer(name: str, *shape: int, bias: bool = True) -> None:
        found[f"{name}.weight"] = shape
        if bias:
            found[f"{name}.bias"] = shape[:1]

    def normed(name: str, *shape: int, bias: int) -> None:
        found[f"{name}.weight_g"], found[f"{name}.weight_v"] = (shape[0], 1, 1), shape
        found[f"{name}.bias"] = (bias,)

    def batch_norm(name: str, width: int) -> None:
        layer(name, width)
        found[f"{name}.running_mean"] = found[f"{name}.running_var"] = (width,)
        found[f"{name}.num_batches_tracked"] = ()

    def norm(name: str, width: int, condition: int | None) -> None:
        if condition is None:
            return layer(name, width)
        layer(f"{name}.scale", width, condition)
        layer(f"{name}.shift", width, condition)

    def backbone(name: str, input_dim: int, sizes: dict, blocks: int, condition: int | None = None) -> None:
        width, inner = sizes["vocos_dim"], sizes["vocos_intermediate_dim"]
        layer(f"{name}.embed", width, input_dim, 7)
        norm(f"{name}.norm", width, condition)
        for number in range(blocks):
            block = f"{name}.convnext.{number}"
            layer(f"{block}.dwconv", width, 1, 7)
            norm(f"{block}.norm", width, condition)
            layer(f"{block}.pwconv1", inner, width)
            layer(f"{block}.pwconv2", width, inner)
            found[f"{block}.gamma"] = (width,)
        layer(f"{name}.final_layer_norm", width)

    sizes, dim = conf["encoder"], conf["quantizer"]["input_dim"]
    width = sizes["vocos_dim"]
    backbone("encoder.encoder", sizes["input_channels"], sizes, sizes["vocos_num_layers"])
    for stage in range(2):
        backbone(f"encoder.downsample.{stage}.1", width, sizes, 2)
    layer("encoder.project", dim, width)
    for net in ("prenet", "postnet"):
        sizes = conf[net]
        layer(f"{net}.linear_pre", width, dim)
        for stage in range(2):
            backbone(f"{net}.downsample.{stage}.1", width, sizes, 2)
        backbone(f"{net}.vocos_backbone", width, sizes, sizes["vocos_num_layers"], sizes.get("condition_dim"))
        layer(f"{net}.linear", sizes["out_channels"], width)

    entries, few = conf["quantizer"]["codebook_size"], conf["quantizer"]["codebook_dim"]
    normed("quantizer.in_project", few, dim, 1, bias=few)
    normed("quantizer.out_project", dim, few, 1, bias=dim)
    found |= {"quantizer.codebook.weight": (entries, few), "quantizer.cluster_size": (entries,)}

    root, voice = "speaker_encoder.speaker_encoder", conf["speaker_encoder"]
    layer(f"{root}.layer1.conv", ecapa, voice["input_dim"], 5)
    batch_norm(f"{root}.layer1.bn", ecapa)
    for number in (2, 3, 4):
        block = f"{root}.layer{number}.se_res2block"
        for place in (0, 2):
            layer(f"{block}.{place}.conv", ecapa, ecapa, 1)
            batch_norm(f"{block}.{place}.bn", ecapa)
        for group in range(7):
            layer(f"{block}.1.convs.{group}", ecapa // 8, ecapa // 8, 3)
            batch_norm(f"{block}.1.bns.{group}", ecapa // 8)
        layer(f"{block}.3.linear1", 128, ecapa)
        layer(f"{block}.3.linear2", ecapa, 128)
    layer(f"{root}.conv", ecapa_output, 3 * ecapa, 1)
    layer(f"{root}.pool.linear1", 128, 3 * ecapa_output, 1)
    layer(f"{root}.pool.linear2", ecapa_output, 128, 1)
    batch_norm(f"{root}.bn", 2 * ecapa_output)
    layer(f"{root}.linear", dim, 2 * ecapa_output)
    root, latent = "speaker_encoder.perceiver_sampler", voice["latent_dim"]
    layer(f"{root}.proj_context", latent, ecapa_output)
    found |= {f"{root}.latents": (voice["token_num"], latent), f"{root}.norm.gamma": (latent,)}
    inner = int(latent * 4 * 2 / 3)
    for depth in range(2):
        layer(f"{root}.layers.{depth}.0.to_q", 512, latent, bias=False)
        layer(f"{root}.layers.{depth}.0.to_kv", 1024, latent, bias=False)
        layer(f"{root}.layers.{depth}.0.to_out", latent, 512, bias=False)
        layer(f"{root}.layers.{depth}.1.0", 2 * inner, latent)
        layer(f"{root}.layers.{depth}.1.2", latent, inner)
    layer("speaker_encoder.quantizer.project_in", len(voice["fsq_levels"]), latent)
    layer("speaker_encoder.quantizer.project_out", latent, len(voice["fsq_levels"]))
    layer("speaker_encoder.project", dim, voice["token_num"] * latent)

    channels = conf["decoder"]["channels"]
    normed("decoder.model.0", channels, dim, 7, bias=channels)
    for place, kernel in enumerate(KERNELS, 1):
        wide, channels = channels, channels // 2
        block = f"decoder.model.{place}.block"
        found[f"{block}.0.alpha"] = (1, wide, 1)
        normed(f"{block}.1", wide, channels, kernel, bias=channels)
        for unit in (2, 3, 4):
            inside = f"{block}.{unit}.block"
            found[f"{inside}.0.alpha"] = found[f"{inside}.2.alpha"] = (1, channels, 1)
            normed(f"{inside}.1", channels, channels, 7, bias=channels)
            normed(f"{inside}.3", channels, channels, 1, bias=channels)
    found["decoder.model.5.alpha"] = (1, channels, 1)
    normed("decoder.model.6", 1, channels, 7, bias=1)
    return found


def file_size(found: dict[str, tuple[int, ...]]) -> int:
    """Bytes of a safetensors file of float32 tensors in the order of their names."""
    end, header = 0, {}
    for name in sorted(found):
        begin, end = end, end + 4 * prod(found[name])
        header[name] = {"dtype": "F32", "shape": list(found[name]), "data_offsets": [begin, end]}
    length = len(json.dumps(header, separators=(",", ":")))
    return 8 + length + -length % 8 + end


def random_weights(found: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Values at which every tensor matters: no norm is an identity, tokens vary, samples are not all 1 or -1."""
    generator = torch.Generator().manual_seed(0)

    def drawn(name: str, shape: tuple[int, ...]) -> Tensor:
        values = torch.randn(shape, generator=generator)
        if name.endswith(("running_var", "weight_g", "alpha")):
            return (values.abs() + 0.5) * (0.3 if name.startswith("decoder.") and "weight_g" in name else 1.0)
        if name.endswith("bias"):
            return 0.1 * values
        if len(shape) == 1 and name.endswith("weight"):
            return 1.0 + values
        return values / (prod(shape[1:]) ** 0.5 if len(shape) > 1 else 1.0)

    return {name: drawn(name, shape) for name, shape in sorted(found.items())}


def write_released(root: Path, conf: dict | None = None, weights: dict[str, Tensor] | None = None) -> Path:
    """``root`` with BiCodec/, a tiny wav2vec 2.0 of XLSR's kind and config.yaml."""
    from safetensors.torch import save_file

    conf = conf or tiny()
    (root / "BiCodec").mkdir(parents=True)
    (root / "BiCodec/config.yaml").write_text(yaml.safe_dump({"audio_tokenizer": conf}))
    weights = random_weights(shapes(conf, 16, 24)) if weights is None else weights
    save_file(weights, root / "BiCodec/model.safetensors")
    use = dict(sample_rate=16000, ref_segment_duration=0.5, latent_hop_length=320, volume_normalize=True)
    (root / "config.yaml").write_text(yaml.safe_dump(use))
    write_xlsr(root / "wav2vec2-large-xlsr-53", conf["encoder"]["input_channels"])
    return root


def write_xlsr(folder: Path, hidden_size: int = 16, seed: int = 0) -> Path:
    import transformers

    torch.manual_seed(seed)
    config = transformers.Wav2Vec2Config(
        hidden_size=hidden_size, num_hidden_layers=17, num_attention_heads=2, intermediate_size=32,
        conv_dim=[8] * 7, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
        do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True, initializer_range=0.3,
    )  # fmt: skip
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(
        folder
    )
    return folder


class Reference:
    """Tokens and samples of one recording, (1, N), of the released weights."""

    def __init__(self, weights: dict[str, Tensor], conf: dict):
        self.weights, self.conf = weights, conf

    def __getitem__(self, name: str) -> Tensor:
        return self.weights[name]

    def linear(self, hidden: Tensor, name: str, bias: bool = True) -> Tensor:
        return F.linear(hidden, self[f"{name}.weight"], self[f"{name}.bias"] if bias else None)

    def conv(self, hidden: Tensor, name: str, **options) -> Tensor:
        """(1, C, T), with or without weight norm."""
        if f"{name}.weight_v" in self.weights:
            direction = self[f"{name}.weight_v"]
            length = direction.flatten(1).norm(dim=1)[:, None, None]
            weight = self[f"{name}.weight_g"] * direction / length
        else:
            weight = self[f"{name}.weight"]
        transposed = "stride" in options
        function = F.conv_transpose1d if transposed else F.conv1d
        return function(hidden, weight, self[f"{name}.bias"], **options)

    def norm(self, hidden: Tensor, name: str, condition: Tensor | None) -> Tensor:
        centred = hidden - hidden.mean(dim=-1, keepdim=True)
        hidden = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-6).sqrt()
        if condition is None:
            return hidden * self[f"{name}.weight"] + self[f"{name}.bias"]
        return hidden * self.linear(condition, f"{name}.scale") + self.linear(condition, f"{name}.shift")

    def backbone(self, hidden: Tensor, name: str, condition: Tensor | None = None) -> Tensor:
        """(1, T, C) -> (1, T, C')."""
        hidden = self.conv(hidden.transpose(1, 2), f"{name}.embed", padding=3).transpose(1, 2)
        hidden, number = self.norm(hidden, f"{name}.norm", condition), 0
        while f"{name}.convnext.{number}.gamma" in self.weights:
            block = f"{name}.convnext.{number}"
            mixed = self.conv(hidden.transpose(1, 2), f"{block}.dwconv", padding=3, groups=hidden.size(2))
            mixed = self.norm(mixed.transpose(1, 2), f"{block}.norm", condition)
            mixed = F.gelu(self.linear(mixed, f"{block}.pwconv1"))
            hidden = hidden + self[f"{block}.gamma"] * self.linear(mixed, f"{block}.pwconv2")
            number += 1
        return self.norm(hidden, f"{name}.final_layer_norm", None)

    def semantic(self, features: Tensor) -> Tensor:
        """(1, T, D) of wav2vec 2.0 -> (T,)."""
        hidden = self.backbone(features, "encoder.encoder")
        for stage in range(2):
            hidden = self.backbone(3 * hidden, f"encoder.downsample.{stage}.1")
        hidden = self.linear(hidden, "encoder.project").transpose(1, 2)
        projected = self.conv(hidden, "quantizer.in_project")[0].T
        return torch.stack(
            [
                F.cosine_similarity(frame[None], self["quantizer.codebook.weight"]).argmax()
                for frame in projected
            ]
        )

    def relu_norm(self, hidden: Tensor, conv: str, norm: str, **options) -> Tensor:
        hidden = self.conv(hidden, conv, **options).relu()
        mean, variance = self[f"{norm}.running_mean"], self[f"{norm}.running_var"]
        hidden = (hidden - mean[:, None]) / (variance[:, None] + 1e-5).sqrt()
        return hidden * self[f"{norm}.weight"][:, None] + self[f"{norm}.bias"][:, None]

    def ecapa(self, mel: Tensor) -> Tensor:
        """(1, T, M) -> (1, T, C)."""
        root = "speaker_encoder.speaker_encoder"
        hidden = self.relu_norm(mel.transpose(1, 2), f"{root}.layer1.conv", f"{root}.layer1.bn", padding=2)
        outputs = []
        for dilation in (2, 3, 4):
            block = f"{root}.layer{dilation}.se_res2block"
            mixed = self.relu_norm(hidden, f"{block}.0.conv", f"{block}.0.bn")
            groups, done = mixed.split(mixed.size(1) // 8, dim=1), []
            for number in range(7):
                given = groups[number] + done[-1] if done else groups[number]
                names = f"{block}.1.convs.{number}", f"{block}.1.bns.{number}"
                done.append(self.relu_norm(given, *names, padding=dilation, dilation=dilation))
            mixed = torch.cat([*done, groups[7]], dim=1)
            mixed = self.relu_norm(mixed, f"{block}.2.conv", f"{block}.2.bn")
            gate = self.linear(mixed.mean(dim=2), f"{block}.3.linear1").relu()
            hidden = hidden + mixed * self.linear(gate, f"{block}.3.linear2").sigmoid()[..., None]
            outputs.append(hidden)
        return self.conv(torch.cat(outputs, dim=1), f"{root}.conv").relu().transpose(1, 2)

    def resampled(self, frames: Tensor) -> Tensor:
        """(1, T, C) -> (1, M, D)."""
        root = "speaker_encoder.perceiver_sampler"
        context, latents = self.linear(frames, f"{root}.proj_context"), self[f"{root}.latents"][None]
        for depth in range(2):
            attention = f"{root}.layers.{depth}.0"
            query = self.linear(latents, f"{attention}.to_q", bias=False)[0]
            both = self.linear(torch.cat([latents, context], dim=1), f"{attention}.to_kv", bias=False)[0]
            heads = []
            for head in range(8):
                part = slice(64 * head, 64 * (head + 1))
                scores = query[:, part] @ both[:, :512][:, part].T / 8.0
                heads.append(scores.softmax(dim=1) @ both[:, 512:][:, part])
            mixed = torch.cat(heads, dim=1)[None]
            latents = latents + self.linear(mixed, f"{attention}.to_out", bias=False)
            wide = self.linear(latents, f"{root}.layers.{depth}.1.0")
            value, gate = wide[..., : wide.size(-1) // 2], wide[..., wide.size(-1) // 2 :]
            latents = latents + self.linear(F.gelu(gate) * value, f"{root}.layers.{depth}.1.2")
        rms = latents.square().mean(dim=-1, keepdim=True).sqrt()
        return latents / rms * self[f"{root}.norm.gamma"]

    def tokens_of_voice(self, mel: Tensor) -> Tensor:
        """(1, T, M) -> (N,)."""
        values = self.linear(self.resampled(self.ecapa(mel))[0], "speaker_encoder.quantizer.project_in")
        bounded = 1.5015 * torch.tanh(values + atanh(0.5 / 1.5015)) - 0.5
        digits = bounded.round().long() + 2
        return sum(digits[:, place] * 4**place for place in range(digits.size(1)))

    def vector(self, tokens: Tensor) -> Tensor:
        """(N,) -> (1, D)."""
        dims = len(self.conf["speaker_encoder"]["fsq_levels"])
        levels = torch.stack([tokens // 4**place % 4 for place in range(dims)], dim=1)
        values = self.linear((levels - 2) / 2.0, "speaker_encoder.quantizer.project_out")
        return self.linear(values.T.reshape(1, -1), "speaker_encoder.project")

    def snake(self, hidden: Tensor, name: str) -> Tensor:
        alpha = self[f"{name}.alpha"]
        return hidden + torch.sin(alpha * hidden) ** 2 / alpha

    def waveform(self, semantic: Tensor, tokens: Tensor) -> Tensor:
        """(T,) and (N,) -> (T * 320,)."""
        values = self["quantizer.codebook.weight"][semantic].T[None]
        hidden = self.conv(values, "quantizer.out_project").transpose(1, 2)
        vector = self.vector(tokens)
        hidden = self.linear(hidden, "prenet.linear_pre")
        for stage in range(2):
            hidden = self.backbone(3 * hidden, f"prenet.downsample.{stage}.1")
        hidden = self.linear(self.backbone(hidden, "prenet.vocos_backbone", vector), "prenet.linear") + vector
        hidden = self.conv(hidden.transpose(1, 2), "decoder.model.0", padding=3)
        for place, (stride, kernel) in enumerate(zip(STRIDES, KERNELS), 1):
            block = f"decoder.model.{place}.block"
            hidden = self.snake(hidden, f"{block}.0")
            hidden = self.conv(hidden, f"{block}.1", stride=stride, padding=(kernel - stride) // 2)
            for unit, dilation in zip((2, 3, 4), (1, 3, 9)):
                inside = f"{block}.{unit}.block"
                mixed = self.conv(
                    self.snake(hidden, f"{inside}.0"), f"{inside}.1", padding=3 * dilation, dilation=dilation
                )
                hidden = hidden + self.conv(self.snake(mixed, f"{inside}.2"), f"{inside}.3")
        return torch.tanh(self.conv(self.snake(hidden, "decoder.model.5"), "decoder.model.6", padding=3))[
            0, 0
        ]

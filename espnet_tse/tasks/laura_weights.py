"""LauraTSE as its authors have released it (arXiv:2504.07402, FunCodec's layers): names and shapes only."""

from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping

import torch
from torch import Tensor, nn

from espnet_tse.io.scp import DataError
from espnet_tse.tasks.weight_map import Source, WeightMap, pair

LICENCE = "not stated by its authors"
WRAPPERS = ("model_state_dict",)
NORM_EPS = 1e-12  # FunCodec's
# Their name -> ours, of the three stacks, with the names of a block's norms there.
STACKS = {
    "text_encoder": ("encoder.stack", ("norm_mha", "norm_ff")),
    "codec_lm.encoder": ("lm.stack", ("norm1", "norm2")),
    "codec_encoder": ("vocoder.stack", ("norm_mha", "norm_ff")),
}
LAYERS = {
    "encoder.project": "text_enc_out_layer",
    "vocoder.project": "codec_encoder_out_layer",
    "lm.head": "codec_lm.decoder",
}
BOOKS = "quantizer_codebook.embed"


def config_of(state: Mapping[str, Tensor], codec: str, path: Path) -> dict[str, Any]:
    """Our configuration, by the shapes of the weights; what they do not show is as in the released YAMLs.

    Args:
        codec: place of the codec that it was trained with.
    Raises:
        DataError: weights that say the sizes are missing.
    """
    wanted = [BOOKS, "codec_lm.decoder.weight", "lm_embedding.weight"]
    wanted += [
        f"{there}.{name}"
        for there in STACKS
        for name in ("embed.0.weight", "encoders.0.self_attn.pos_bias_u")
    ]
    wanted += [f"{there}.encoders.0.feed_forward.w_1.weight" for there in STACKS]
    if missing := [name for name in wanted if name not in state]:
        raise DataError(f"{path}: has no {', '.join(missing)}; these are no weights of a released LauraTSE.")
    streams = state["codec_lm.decoder.weight"].size(0) // (state[BOOKS].size(1) + 1)
    return {
        "frontend": "log_mel",
        "frontend_conf": {"num_mels": state["text_encoder.embed.0.weight"].size(1)},
        "encoder": "shared_transformer",
        "encoder_conf": sizes_of(state, "text_encoder"),
        "lm": "decoder_only",
        "lm_conf": {**sizes_of(state, "codec_lm.encoder"), "num_codebooks": streams},
        "vocoder": "fine_embedding",
        "vocoder_conf": sizes_of(state, "codec_encoder"),
        "model": "laura_tse",
        "model_conf": {},
        "tokenizers": {"acoustic": codec},
    }


def sizes_of(state: Mapping[str, Tensor], there: str) -> dict[str, Any]:
    """Sizes of a stack."""
    blocks = {
        name.removeprefix(f"{there}.encoders.").split(".")[0]
        for name in state
        if name.startswith(f"{there}.encoders.")
    }
    return {
        "num_layers": len(blocks),
        "width": state[f"{there}.embed.0.weight"].size(0),
        "num_heads": state[f"{there}.encoders.0.self_attn.pos_bias_u"].size(0),
        "feedforward": state[f"{there}.encoders.0.feed_forward.w_1.weight"].size(0),
        "norm_eps": NORM_EPS,
    }


def weight_map(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> WeightMap:
    """Of a model that ``config_of`` describes.

    Raises:
        DataError: the weights were trained with another codec.
    """
    check_codec(state[BOOKS], model.vocoder.codec.codebooks, path)
    sources = {"lm.special.weight": Source("lm_embedding.weight")}
    for ours, there in LAYERS.items():
        sources |= {f"{ours}.{kind}": Source(f"{there}.{kind}") for kind in ("weight", "bias")}
    made: dict[str, Callable[[Mapping[str, Tensor]], Tensor]] = {}
    needed: dict[str, tuple[int, ...]] = {}
    for there, (ours, norms) in STACKS.items():
        stack = model.get_submodule(ours)
        for place in range(2):
            sources |= pair(f"{ours}.input.{place}", f"{there}.embed.{place}")
        sources |= pair(f"{ours}.norm", f"{there}.after_norm")
        for index in range(len(stack.blocks)):
            block, theirs = f"{ours}.blocks.{index}", f"{there}.encoders.{index}"
            sources |= block_sources(block, theirs, norms)
            for kind, shape in (("weight", (stack.config.width,) * 2), ("bias", (stack.config.width,))):
                names = [f"{theirs}.self_attn.linear_{letter}.{kind}" for letter in "qkv"]
                made[f"{block}.attention.query_key_value.{kind}"] = partial(joined, names)
                needed |= {name: shape for name in names}
    # Codebooks stand in the codec; ``quantizer`` took part in no output.
    unused = {name for name in state if name.startswith(("quantizer.", "quantizer_codebook."))}
    return WeightMap(sources, made, needed, frozenset(unused))


def block_sources(block: str, there: str, norms: tuple[str, str]) -> dict[str, Source]:
    """All of a block but queries, keys and values, which are one layer here."""
    return {
        **pair(f"{block}.attention_norm", f"{there}.{norms[0]}"),
        **pair(f"{block}.feedforward_norm", f"{there}.{norms[1]}"),
        **pair(f"{block}.attention.out", f"{there}.self_attn.linear_out"),
        **pair(f"{block}.feedforward.0", f"{there}.feed_forward.w_1"),
        **pair(f"{block}.feedforward.3", f"{there}.feed_forward.w_2"),
        f"{block}.attention.distance.weight": Source(f"{there}.self_attn.linear_pos.weight"),
        f"{block}.attention.content_bias": Source(f"{there}.self_attn.pos_bias_u"),
        f"{block}.attention.position_bias": Source(f"{there}.self_attn.pos_bias_v"),
    }


def joined(names: list[str], state: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([state[name] for name in names])


def check_codec(books: Tensor, ours: Tensor, path: Path) -> None:
    """Raise DataError unless the codebooks that it was trained with are the codec's."""
    if books.shape != ours.shape or not torch.allclose(books.float(), ours.float(), atol=1e-5):
        raise DataError(
            f"{path}: {BOOKS} {tuple(books.shape)} are not the codebooks of the codec {tuple(ours.shape)}; name by "
            "--codec the import of the FunCodec release that it was trained with "
            "(audio_codec-encodec-zh_en-general-16k-nq32ds640-pytorch)."
        )

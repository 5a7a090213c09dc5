"""SoloSpeech as its authors have released it (arXiv:2505.19314, code and weights CC BY-NC 4.0): names and shapes only.

Three files: compressor.ckpt is the VAE, extractor.pt the diffusion with the condition transformer, corrector.ckpt the
corrector.
"""

from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping

import torch
from torch import Tensor, nn

from espnet_tse.io.scp import DataError
from espnet_tse.tasks.usef_weights import block_source, grid_sizes
from espnet_tse.tasks.weight_map import Source, WeightMap, pair

LICENCE = "CC-BY-NC-4.0"
SAMPLE_RATE = 16000  # Hz, of all three
VAE_OUTER = "autoencoder."  # beside it: discriminators and criteria
VAE_LAYERS = {"encoder": "encoder.conv.0", "encoder_norm": "encoder.conv.1", "decoder": "decoder.deconv"}
SPECTRA = ("encoder.stft.", "decoder.istft.")  # windows, which are computed
STACKS = {"encoder_blocks": "encoder", "decoder_blocks": "decoder"}


def checked_names(state: Mapping[str, Tensor], wanted: tuple[str, ...], what: str, path: Path) -> None:
    """Raise DataError unless the weights that say the sizes are there."""
    if missing := [name for name in wanted if name not in state]:
        raise DataError(f"{path}: has no {', '.join(missing)}; these are no weights of SoloSpeech's {what}.")


def vae_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The autoencoder's of a training's checkpoint."""
    inner = {
        name.removeprefix(VAE_OUTER): tensor for name, tensor in state.items() if name.startswith(VAE_OUTER)
    }
    return inner or dict(state)


def vae_config_of(state: Mapping[str, Tensor], path: Path) -> dict[str, Any]:
    """``codec_conf`` by the shapes of the weights.

    Raises:
        DataError: weights that say the sizes are missing, or the steps of the recurrences hold several cells.
    """
    wanted = (
        "encoder.conv.0.weight",
        "encoder.proj.1.weight",
        "decoder.proj.weight",
        "encoder.dual_mdl.0.attn_norm_Q.gamma",
        "encoder.dual_mdl.0.intra_rnn.weight_hh_l0",
        "encoder.dual_mdl.0.intra_linear.weight",
    )
    checked_names(state, wanted, "VAE", path)
    width = state["encoder.conv.0.weight"].size(0)
    block = "encoder.dual_mdl.0."
    grid = grid_sizes(state, f"{block}attn_norm_Q.gamma", block, width, path)
    blocks = {name.split(".")[2] for name in state if name.startswith("encoder.dual_mdl.")}
    return {
        "sample_rate": SAMPLE_RATE,
        "latent_dim": state["decoder.proj.weight"].size(1),
        "width": width,
        "num_blocks": len(blocks),
        **grid,
        "decoder_kernel": state["decoder.proj.weight"].size(2),
        "edges": "reflected",
    }


def vae_weight_map(vae: nn.Module, state: Mapping[str, Tensor]) -> WeightMap:
    """Of a VAE that ``vae_config_of`` describes."""
    sources: dict[str, Source] = {"posterior.0.weight": Source("encoder.proj.0.weight")}
    for ours, theirs in VAE_LAYERS.items():
        sources |= pair(ours, theirs)
    for name in vae.state_dict():
        stack, _, rest = name.partition(".")
        if stack in STACKS:
            source = block_source(rest)
            sources[name] = Source(f"{STACKS[stack]}.{source.name}", source.view)
    sources |= {"posterior.1.bias": Source("encoder.proj.1.bias")}
    width, bins = vae.config.width, vae.config.n_fft // 2 + 1
    dim, kernel = vae.config.latent_dim, vae.config.decoder_kernel
    # There the channels of a cell are counted before the bins.
    made: dict[str, Callable[[Mapping[str, Tensor]], Tensor]] = {
        "posterior.1.weight": lambda theirs: theirs["encoder.proj.1.weight"][..., 0]
        .unflatten(1, (width, bins))
        .transpose(1, 2)
        .flatten(1),
        "decoder_input.weight": lambda theirs: bins_first(theirs["decoder.proj.weight"], width),
        "decoder_input.bias": lambda theirs: bins_first(theirs["decoder.proj.bias"], width),
        # Its latents are not standardised.
        "mean": lambda theirs: torch.zeros(dim),
        "deviation": lambda theirs: torch.ones(dim),
    }
    needed = {
        "encoder.proj.1.weight": (2 * dim, width * bins, 1),
        "decoder.proj.weight": (width * bins, dim, kernel),
        "decoder.proj.bias": (width * bins,),
    }
    return WeightMap(sources, made, needed, frozenset(name for name in state if name.startswith(SPECTRA)))


def bins_first(weight: Tensor, width: int) -> Tensor:
    """(C * F, ...) -> (F * C, ...)."""
    return weight.unflatten(0, (width, -1)).transpose(0, 1).flatten(0, 1)


def extractor_config_of(state: Mapping[str, Tensor], codec: str, path: Path) -> dict[str, Any]:
    """Our configuration, by the shapes of the weights.

    Args:
        codec: place of the imported VAE.
    Raises:
        DataError: weights that say the sizes are missing.
    """
    wanted = (
        "spk_proj.weight",
        "spk_model.in_proj.weight",
        "spk_model.blocks.0.attn.norm_q.weight",
        "model.patch_embed.proj.weight",
        "model.mid_block.attn.norm_q.weight",
    )
    checked_names(state, wanted, "extractor", path)
    context, condition = state["spk_proj.weight"].size(0), state["spk_model.in_proj.weight"].size(0)
    width = state["model.patch_embed.proj.weight"].size(0)
    blocks = [
        name.split(".")[1:3] for name in state if name.startswith(("model.in_blocks.", "model.out_blocks."))
    ]
    return {
        "encoder": "latent_sequence",
        "encoder_conf": {
            "width": condition,
            "num_layers": len({name.split(".")[2] for name in state if name.startswith("spk_model.blocks.")}),
            "num_heads": condition // len(state["spk_model.blocks.0.attn.norm_q.weight"]),
            "context_dim": context,
        },
        "lm": "latent_diffusion",
        "lm_conf": {
            "width": width,
            "num_layers": len({tuple(block) for block in blocks}),
            "num_heads": width // len(state["model.mid_block.attn.norm_q.weight"]),
            "as_released": True,
        },
        "vocoder": "latent_decoder",
        "vocoder_conf": {},
        "model": "solo_speech",
        "model_conf": {},
        "tokenizers": {"latent": codec},
    }


def extractor_weight_map(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> WeightMap:
    """Of a model that ``extractor_config_of`` describes.

    Raises:
        DataError: the VAE has latents of another width than those that it was trained on.
    """
    found, wanted = model.encoder.latent_dim, state["spk_proj.weight"].size(1)
    if found != wanted:
        raise DataError(
            f"{path}: was trained on latents of {wanted} values, and the VAE has {found}; name by --codec the import of "
            "compressor.ckpt (espnet-tse import-system solospeech_vae)."
        )
    sources = pair("encoder.projection", "spk_proj") | {
        **pair("encoder.transformer.input", "spk_model.in_proj"),
        **pair("encoder.transformer.output.0", "spk_model.norm"),
        **pair("encoder.transformer.output.1", "spk_model.final_layer"),
    }
    for index in range(len(model.encoder.transformer.blocks)):
        ours, theirs = f"encoder.transformer.blocks.{index}", f"spk_model.blocks.{index}"
        sources |= pair(f"{ours}.attention_norm", f"{theirs}.norm1")
        sources |= pair(f"{ours}.feedforward_norm", f"{theirs}.norm3")
        sources |= attention_sources(f"{ours}.attention", f"{theirs}.attn")
        sources |= feedforward_sources(ours, theirs)
    unused = frozenset(name for name in state if ".rotary." in name)  # rates, which are computed
    return WeightMap(sources | transformer_sources(model.lm.transformer), {}, {}, unused)


def transformer_sources(transformer: nn.Module) -> dict[str, Source]:
    """Of the diffusion's network."""
    ours = "lm.transformer"
    sources = {f"{ours}.input.weight": Source("model.patch_embed.proj.weight", "conv1d")}
    sources |= {f"{ours}.input.bias": Source("model.patch_embed.proj.bias")}
    for place in (0, 2):
        sources |= pair(f"{ours}.time.layers.{place}", f"model.time_embed.mlp.{place}")
        sources |= pair(f"{ours}.context.{place}", f"model.context_embed.{place}")
    sources |= pair(f"{ours}.last_modulation", "model.time_ada_final")
    sources |= pair(f"{ours}.output", "model.final_block.linear")
    half = transformer.config.num_layers // 2
    for number, block in enumerate(transformer.blocks):
        here = f"{ours}.blocks.{number}"
        there = "model." + (
            f"in_blocks.{number}"
            if number < half
            else f"out_blocks.{number - half - 1}" if number > half else "mid_block"
        )
        sources |= pair(f"{here}.modulation", f"{there}.adaln")
        sources |= pair(f"{here}.norm", f"{there}.norm2")
        sources |= pair(f"{here}.context_norm", f"{there}.norm_context")
        sources |= attention_sources(f"{here}.attention", f"{there}.attn")
        sources |= attention_sources(f"{here}.context_attention", f"{there}.cross_attn")
        sources |= feedforward_sources(here, there)
        if block.join is not None:
            sources |= pair(f"{here}.join.0", f"{there}.skip_norm")
            sources |= pair(f"{here}.join.1", f"{there}.skip_linear")
    return sources


def attention_sources(ours: str, there: str) -> dict[str, Source]:
    return {
        **{
            f"{ours}.{name}.weight": Source(f"{there}.to_{name[0]}.weight")
            for name in ("query", "key", "value")
        },
        **pair(f"{ours}.query_norm", f"{there}.norm_q"),
        **pair(f"{ours}.key_norm", f"{there}.norm_k"),
        **pair(f"{ours}.out", f"{there}.proj"),
    }


def feedforward_sources(ours: str, there: str) -> dict[str, Source]:
    return pair(f"{ours}.feedforward.input", f"{there}.mlp.w1") | pair(
        f"{ours}.feedforward.output", f"{there}.mlp.w2"
    )

"""USEF-TFGridNet as its authors have released it (arXiv:2409.02615, weights CC BY-NC 4.0): names and shapes only."""

from pathlib import Path
from typing import Any, Mapping

from torch import Tensor, nn

from espnet_tse.io.scp import DataError
from espnet_tse.tasks.weight_map import Source, WeightMap

LICENCE = "CC-BY-NC-4.0"
WRAPPERS = ("model_state_dict",)  # beside it: optimizer, epoch, states of random generators
OURS = "extractor."


def config_of(state: Mapping[str, Tensor], sample_rate: int, path: Path) -> dict[str, Any]:
    """Our configuration, by the shapes of the weights; their config.yaml names classes to run and is not read.

    Raises:
        DataError: weights that say the sizes are missing, or the steps of the recurrences overlap or hold several cells.
    """
    wanted = (
        "conv.0.weight",
        "att.attn_norm_Q.gamma",
        "dual_mdl.0.intra_rnn.weight_hh_l0",
        "dual_mdl.0.intra_linear.weight",
    )
    if missing := [name for name in wanted if name not in state]:
        raise DataError(
            f"{path}: has no {', '.join(missing)}; these are no weights of a released USEF-TFGridNet."
        )
    width = state["conv.0.weight"].size(0)
    grid = grid_sizes(state, "att.attn_norm_Q.gamma", "dual_mdl.0.", 2 * width, path)
    blocks = {name.split(".")[1] for name in state if name.startswith("dual_mdl.")}
    return {
        "model": "discriminative",
        "model_conf": {"losses": {"si_sdr": 1.0}},
        "extractor": "usef_tfgridnet",
        "extractor_conf": {
            "sample_rate": sample_rate,
            "width": width,
            "num_blocks": len(blocks),
            **grid,
            "edges": "reflected",
        },
    }


def grid_sizes(
    state: Mapping[str, Tensor], gamma_name: str, block: str, width: int, path: Path
) -> dict[str, int]:
    """Sizes of released TF-GridNet blocks and of the spectra they are for, by the names of our configurations.

    Args:
        gamma_name: of the norm of an attention's queries, (1, heads, channels a head, 1, bins).
        block: prefix of a block's names.
        width: channels that leave its linear layer.
    Raises:
        DataError: the steps of the recurrences overlap or hold several cells.
    """
    gamma, linear = state[gamma_name], state[f"{block}intra_linear.weight"]
    if gamma.dim() != 5 or linear.dim() != 2 or linear.size(0) != width:
        raise DataError(
            f"{path}: {block}intra_linear.weight is {tuple(linear.shape)} and {gamma_name} {tuple(gamma.shape)}; only "
            "recurrences of one cell a step (emb_ks 1, emb_hs 1), as released, are known here."
        )
    _, heads, narrow, _, bins = gamma.shape
    return {
        "n_fft": 2 * (bins - 1),
        "hop_length": bins - 1,
        "hidden": state[f"{block}intra_rnn.weight_hh_l0"].size(1),
        "num_heads": heads,
        "approx_qk_dim": narrow * bins,
    }


def weight_map(model: nn.Module) -> WeightMap:
    """Of the extractor in ``model``, a system of ours."""
    sources = {}
    for name in model.extractor.state_dict():
        sources[OURS + name] = source_of(name)
    return WeightMap(sources, {}, {})


def source_of(name: str) -> Source:
    """Which of the released weights one of our extractor's is."""
    part, _, rest = name.partition(".")
    if part in ("encoder", "encoder_norm", "decoder"):
        return Source({"encoder": "conv.0", "encoder_norm": "conv.1", "decoder": "deconv"}[part] + f".{rest}")
    if part == "cross_attention":
        return attention_source("att", rest)
    return block_source(rest)


def block_source(name: str) -> Source:
    """Which of them a weight of one of the blocks is, given as ``0.over_time.norm.weight``."""
    index, layer, rest = name.split(".", 2)
    block = f"dual_mdl.{index}"
    if layer == "attention":
        return attention_source(block, rest)
    direction = {"over_frequency": "intra", "over_time": "inter"}[layer]
    there = {"norm.": "norm.", "recurrent.": "rnn.", "out.": "linear.", "out_bias": "linear.bias"}
    ours = next(prefix for prefix in there if rest.startswith(prefix))
    return Source(f"{block}.{direction}_{there[ours]}{rest.removeprefix(ours)}")


def attention_source(there: str, rest: str) -> Source:
    """A weight of attention, of the enrollment's or within a block."""
    module, _, kind = rest.partition(".")
    affine = {"weight": "gamma", "bias": "beta"}
    if module == "out":
        return Source(f"{there}.attn_concat_proj.0.{kind}", "conv2d" if kind == "weight" else "same")
    if module == "out_activation":
        return Source(f"{there}.attn_concat_proj.1.{kind}")
    if module == "out_norm":
        return Source(f"{there}.attn_concat_proj.2.{affine[kind]}", "map_norm")
    letter = {"query": "Q", "key": "K", "value": "V"}[module.removesuffix("_norm")]
    if not module.endswith("_norm"):
        return Source(f"{there}.attn_conv_{letter}.{kind}", "conv2d" if kind == "weight" else "same")
    if kind == "slope":
        return Source(f"{there}.attn_norm_{letter}.act.weight")
    return Source(f"{there}.attn_norm_{letter}.{affine[kind]}", "head_norm")

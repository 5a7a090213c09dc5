"""USEF-SepFormer as its authors have released it (arXiv:2409.02615, weights CC BY-NC 4.0): names and shapes only."""

from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping

import torch
from torch import Tensor, nn

from espnet_tse.io.scp import DataError
from espnet_tse.tasks.weight_map import Shape, Source, WeightMap, pair

NUM_HEADS, CHUNK = 8, 250  # of the released configuration; the weights do not show them
OURS = "extractor."
# Ours -> theirs, with the view of the weight; most have a bias.
LAYERS = {
    "norm": ("norm_m", "same"),
    "joined_norm": ("fusion_norm", "same"),
    "scale": ("film.linear1", "same"),
    "shift": ("film.linear2", "same"),
    "mix_channels": ("conv2d", "conv2d"),
    "value": ("output.0", "conv1d"),
    "gate": ("output_gate.0", "conv1d"),
}


def config_of(state: Mapping[str, Tensor], sample_rate: int, path: Path) -> dict[str, Any]:
    """Our configuration, by the shapes of the weights.

    Raises:
        DataError: weights that say the sizes are missing.
    """
    ffn = "fusion_mdl.layers.0.pos_ffn.ffn.0.weight"
    wanted = ("encoder.conv1d.weight", ffn, "dual_mdl.0.intra_linear.weight", "film.linear1.weight")
    if missing := [name for name in wanted if name not in state]:
        raise DataError(
            f"{path}: has no {', '.join(missing)}; these are no weights of a released USEF-SepFormer."
        )
    width, _, size = state["encoder.conv1d.weight"].shape
    return {
        "model": "discriminative",
        "model_conf": {"losses": {"si_sdr": 1.0}},
        "extractor": "usef_sepformer_released",
        "extractor_conf": {
            "sample_rate": sample_rate,
            "filter_size": size,
            "hop_length": size // 2,
            "width": width,
            "num_heads": NUM_HEADS,
            "feedforward": state[ffn].size(0),
            "num_cross_layers": count(state, "fusion_mdl.layers."),
            "chunk": CHUNK,
            "num_layers": count(state, "dual_mdl.0.intra_mdl.layers."),
            "num_repeats": count(state, "dual_mdl."),
        },
    }


def count(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbers follow ``prefix``."""
    return len({name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)})


def weight_map(model: nn.Module) -> WeightMap:
    """Of a system that ``config_of`` describes."""
    config = model.extractor.config
    sources = {
        "analysis.filters.weight": Source("encoder.conv1d.weight", "analysis"),
        "synthesis.filters.weight": Source("decoder.weight", "synthesis"),
        "bottleneck.weight": Source("conv1d1.weight", "conv1d"),
        "activation.weight": Source("prelu.weight"),
        "mask.weight": Source("end_conv1x1.weight", "conv1d"),
    }
    for ours, (there, view) in LAYERS.items():
        sources |= {
            f"{ours}.weight": Source(f"{there}.weight", view),
            f"{ours}.bias": Source(f"{there}.bias"),
        }
    transformers = {"cross": ("fusion_mdl", config.num_cross_layers)}
    for index in range(config.num_repeats):
        for ours, there in (("within", "intra"), ("across", "inter")):
            path, theirs = f"{ours}.{index}", f"dual_mdl.{index}.{there}"
            transformers[f"{path}.transformer"] = (f"{theirs}_mdl", config.num_layers)
            sources |= pair(f"{path}.linear", f"{theirs}_linear") | pair(f"{path}.norm", f"{theirs}_norm")
    made: dict[str, Callable[[Mapping[str, Tensor]], Tensor]] = {}
    needed: dict[str, Shape] = {}
    for ours, (there, num_layers) in transformers.items():
        sources |= pair(f"{ours}.norm", f"{there}.norm.norm")
        for index in range(num_layers):
            layer, theirs = f"{ours}.layers.{index}", f"{there}.layers.{index}"
            sources |= pair(f"{layer}.norm", f"{theirs}.norm1.norm")
            sources |= pair(f"{layer}.feedforward_norm", f"{theirs}.norm2.norm")
            sources |= pair(f"{layer}.feedforward.0", f"{theirs}.pos_ffn.ffn.0")
            sources |= pair(f"{layer}.feedforward.3", f"{theirs}.pos_ffn.ffn.3")
            sources |= pair(f"{layer}.out", f"{theirs}.self_att.att.out_proj")
            for kind, more in (("weight", (config.width,)), ("bias", ())):
                name = f"{theirs}.self_att.att.in_proj_{kind}"
                needed[name] = (3 * config.width, *more)
                made[f"{layer}.query.{kind}"] = partial(rows, name, slice(0, config.width))
                made[f"{layer}.key_value.{kind}"] = partial(rows, name, slice(config.width, None))
    # Tables of sines, which are computed here.
    unused = {"pos_enc.pe", *(f"dual_mdl.{index}.pos_enc.pe" for index in range(config.num_repeats))}
    return WeightMap(
        {OURS + name: source for name, source in sources.items()},
        {OURS + name: make for name, make in made.items()},
        needed,
        frozenset(unused),
    )


def rows(name: str, part: slice, state: Mapping[str, Tensor]) -> Tensor:
    return torch.clone(state[name][part])

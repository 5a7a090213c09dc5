"""Weights of ESPnet2's TD-SpeakerBeam (espnet 202511) as those of ours; names and shapes only."""

from functools import partial
from typing import Callable, Mapping

import torch
from torch import Tensor

from espnet_tse.extractor.td_speakerbeam import TDSpeakerBeam
from espnet_tse.tasks.weight_map import Source, WeightMap

OURS = "extractor."
AUXILIARY = "extractor.auxiliary_net"


def weight_map(model: TDSpeakerBeam, conf: Mapping) -> WeightMap:
    """Of a translated system.

    ESPnet's convolutions of kernel 1 have no bias where ours have: they become zeros. Its ``mul`` and ``muladd`` use
    the embedding as it is, ours go through a linear layer: the identity.

    Args:
        model: ours, as the translated configuration builds it.
        conf: ESPnet's ``extractor_conf``, with its defaults.
    """
    config, encoder = model.config, model.speaker_encoder
    causal, prelu = config.causal, conf["pre_nonlinear"] == "prelu"
    sources = {
        "analysis.filters.weight": Source("encoder.conv1d.weight", "analysis"),
        "synthesis.filters.weight": Source("decoder.convtrans1d.weight", "synthesis"),
        **network(
            "extractor.tcn.network", "", config.num_blocks, config.num_repeats, causal, config.skip > 0
        ),
        **score("extractor.tcn.network", "mask", conf["pre_nonlinear"], prelu),
    }
    last = config.num_blocks - 1
    unused = {
        f"extractor.tcn.network.2.{config.num_repeats - 1}.{last}.net.3.net.{4 if causal else 3}.weight"
    }
    needed: dict[str, tuple[int, ...]] = {}
    if conf["use_spk_emb"]:
        rows = conf["adapt_enroll_dim"] * (2 if config.skip else 1)
        needed = {f"{AUXILIARY}.weight": (rows, encoder.output_dim, 1), f"{AUXILIARY}.bias": (rows,)}
    else:
        there, here = f"{AUXILIARY}.network", "speaker_encoder."
        sources |= network(there, here, config.num_blocks, 1, False, config.skip > 0)
        sources |= score(there, f"{here}out", conf["pre_nonlinear"], prelu)
        unused |= {f"{there}.2.0.{last}.net.3.net.3.weight"}
    made, adaptation = {}, {}
    for branch, fusion in enumerate(["fusion", "skip_fusion"][: 2 if config.skip else 1]):
        made |= fusions(fusion, branch, conf, config.width, model.embedding_dim)
        if conf["adapt_layer_type"] == "concat":
            width = conf["adapt_enroll_dim"] + config.width
            adaptation[f"extractor.tcn.adapt_layer.transform.{branch}.weight"] = (config.width, width)
            adaptation[f"extractor.tcn.adapt_layer.transform.{branch}.bias"] = (config.width,)
    for name, value in model.state_dict().items():
        if name not in sources and name not in made:
            assert name.endswith(".bias"), name
            made[name] = partial(zeros, tuple(value.shape))
    return WeightMap(
        {OURS + name: source for name, source in sources.items()},
        {OURS + name: make for name, make in made.items()},
        needed | adaptation,
        frozenset(unused) if config.skip else frozenset(),
    )


def network(
    there: str, here: str, num_blocks: int, num_repeats: int, causal: bool, skip: bool
) -> dict[str, Source]:
    """Norm, bottleneck and blocks of a temporal convolutional network; causal ones have a cut behind the filter."""
    found = {
        f"{here}norm.weight": Source(f"{there}.0.gamma", "channels"),
        f"{here}norm.bias": Source(f"{there}.0.beta", "channels"),
        f"{here}bottleneck.weight": Source(f"{there}.1.weight", "conv1d"),
    }
    behind = 1 if causal else 0
    for index in range(num_blocks * num_repeats):
        block = f"{there}.2.{index // num_blocks}.{index % num_blocks}.net"
        ours, inner = f"{here}blocks.{index}", f"{block}.3.net"
        found |= {
            f"{ours}.expand.weight": Source(f"{block}.0.weight", "conv1d"),
            f"{ours}.first_activation.weight": Source(f"{block}.1.weight"),
            f"{ours}.first_norm.weight": Source(f"{block}.2.gamma", "channels"),
            f"{ours}.first_norm.bias": Source(f"{block}.2.beta", "channels"),
            f"{ours}.conv.conv.weight": Source(f"{inner}.0.weight"),
            f"{ours}.second_activation.weight": Source(f"{inner}.{1 + behind}.weight"),
            f"{ours}.second_norm.weight": Source(f"{inner}.{2 + behind}.gamma", "channels"),
            f"{ours}.second_norm.bias": Source(f"{inner}.{2 + behind}.beta", "channels"),
        }
        if skip:
            found[f"{ours}.skip.weight"] = Source(f"{block}.3.skip_conv.weight", "conv1d")
        if not skip or index < num_blocks * num_repeats - 1:
            found[f"{ours}.reduce.weight"] = Source(f"{inner}.{3 + behind}.weight", "conv1d")
    return found


def score(there: str, here: str, activation: str, prelu: bool) -> dict[str, Source]:
    """The layer behind the blocks; without an activation it stands one place earlier."""
    found = {f"{here}.1.weight": Source(f"{there}.{3 if activation == 'linear' else 4}.weight", "conv1d")}
    if prelu:
        found[f"{here}.0.weight"] = Source(f"{there}.3.weight")
    return found


def fusions(
    fusion: str, branch: int, conf: Mapping, width: int, embedding_dim: int
) -> dict[str, Callable[[Mapping[str, Tensor]], Tensor]]:
    """Weight and bias of one adaptation; ``branch`` 0 is the stream, 1 the skips, each with its half of the embedding."""

    def linear(state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        size = conf["adapt_enroll_dim"]
        rows = slice(branch * size, (branch + 1) * size)
        if conf["use_spk_emb"]:  # the embedding goes through a layer of its own first
            weight, bias = state[f"{AUXILIARY}.weight"][rows, :, 0], state[f"{AUXILIARY}.bias"][rows]
        else:
            weight, bias = torch.eye(embedding_dim)[rows], torch.zeros(size)
        if conf["adapt_layer_type"] == "muladd":  # ours multiplies by 1 + what the layer gives
            bias = bias - torch.cat([torch.ones(width), torch.zeros(width)])
        if conf["adapt_layer_type"] == "concat":
            name = f"extractor.tcn.adapt_layer.transform.{branch}"
            outer = state[f"{name}.weight"]
            bias = state[f"{name}.bias"] + outer[:, width:] @ bias
            weight = torch.cat([outer[:, :width], outer[:, width:] @ weight], dim=1)
        return weight, bias

    return {
        f"{fusion}.linear.weight": lambda state: linear(state)[0],
        f"{fusion}.linear.bias": lambda state: linear(state)[1],
    }


def zeros(shape: tuple[int, ...], state: Mapping[str, Tensor]) -> Tensor:
    return torch.zeros(shape)

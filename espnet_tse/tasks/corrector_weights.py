"""SoloSpeech's corrector as its authors have released it (corrector.ckpt, CC BY-NC 4.0): names and shapes only.

Its network is NCSN++, whose layers lie there in one list.
"""

from pathlib import Path
from typing import Any, Iterator, Mapping

from torch import Tensor, nn

from espnet_tse.io.scp import DataError
from espnet_tse.layers.score_unet import ScoreUNet
from espnet_tse.tasks.solospeech_weights import SAMPLE_RATE, checked_names
from espnet_tse.tasks.weight_map import Source, WeightMap, pair, read_content, state_of

OURS = "corrector.network."
OUTER = "dnn."  # of the network in what was trained
LIST = "all_modules"
WAVES = f"{LIST}.0.W"  # drawn once, not trained
FILTERS = ("pyramid_upsample.", "pyramid_downsample.")  # are computed
SETTINGS = "data_module"  # module of a class that the checkpoint's settings name
BLOCK = {
    "norm": "GroupNorm_0",
    "convolution": "Conv_0",
    "time": "Dense_0",
    "second_norm": "GroupNorm_1",
    "second_convolution": "Conv_1",
}


def averaged_state(checkpoint: Path) -> dict[str, Tensor]:
    """The network's weights, each the moving average that the released scripts use.

    Raises:
        DataError: unreadable, or without such averages of all weights.
    """
    content = read_content(checkpoint, SETTINGS)
    state = state_of(content, checkpoint, ("state_dict",))
    state = {name.removeprefix(OUTER): tensor for name, tensor in state.items()}
    state = {name: tensor for name, tensor in state.items() if not name.startswith(FILTERS)}
    averages = (content.get("ema") or {}).get("shadow_params") or []
    # Or of what is trained alone.
    learned = [name for name in state if name != WAVES or len(averages) == len(state)]
    if [state[name].shape for name in learned] != [average.shape for average in averages]:
        raise DataError(
            f"{checkpoint}: its moving averages (ema) are {len(averages)} and not those of its {len(learned)} weights; "
            "these are no weights of SoloSpeech's corrector."
        )
    return state | dict(zip(learned, averages))


def config_of(state: Mapping[str, Tensor], system: str, path: Path) -> dict[str, Any]:
    """Our configuration; all sizes but the width are as released.

    Args:
        system: place of a system of ours.
    Raises:
        DataError: weights that say the width are missing.
    """
    checked_names(state, (WAVES,), "corrector", path)
    return {
        "corrector": "spectral_corrector",
        "corrector_conf": {"width": len(state[WAVES]), "sample_rate": SAMPLE_RATE, "edges": "reflected"},
        "model": "corrector",
        "model_conf": {},
        "pretrained": {"system": system},
    }


def weight_map(model: nn.Module) -> WeightMap:
    """Of a corrector that ``config_of`` describes."""
    network = model.corrector.network
    sources = {"time.waves": Source(WAVES), **pair("output", "output_layer")}
    for number, (name, layer) in enumerate(layers_of(network), start=1):
        there = f"{LIST}.{number}"
        if name.startswith(("down_attention.", "up_attention.")) or name == "middle_attention":
            sources |= attention_sources(name, there)
        elif name.startswith("combiners."):
            sources |= pair(name, f"{there}.Conv_0")
        elif hasattr(layer, "second_norm"):
            for ours, theirs in (BLOCK | ({} if layer.beside is None else {"beside": "Conv_2"})).items():
                sources |= pair(f"{name}.{ours}", f"{there}.{theirs}")
        else:
            sources |= pair(name, there)
    return WeightMap({OURS + ours: source for ours, source in sources.items()}, {}, {})


def layers_of(network: ScoreUNet) -> Iterator[tuple[str, nn.Module]]:
    """Name and layer in the order of their list, behind the waves of the time."""
    names = ["time.layers.0", "time.layers.2", "input"]
    for level, blocks in enumerate(network.down):
        for number in range(len(blocks)):
            names.append(f"down.{level}.{number}")
            names += [f"down_attention.{level}.{number}"] * (len(network.down_attention[level]) > 0)
        names += [f"halvings.{level}", f"combiners.{level}"] * (level < len(network.halvings))
    names += ["middle.0", "middle_attention", "middle.1"]
    for level, blocks in enumerate(network.up):
        names += [f"up.{level}.{number}" for number in range(len(blocks))]
        names += [f"up_attention.{level}"] * (not isinstance(network.up_attention[level], nn.Identity))
        names += [f"draws.{level}.0", f"draws.{level}.2"]
        names += [f"doublings.{level}"] * (level < len(network.doublings))
    for name in names:
        yield name, network.get_submodule(name)


def attention_sources(ours: str, there: str) -> dict[str, Source]:
    sources = pair(f"{ours}.norm", f"{there}.GroupNorm_0")
    for number, name in enumerate(("query", "key", "value", "out")):
        sources[f"{ours}.{name}.weight"] = Source(f"{there}.NIN_{number}.W", "transposed")
        sources[f"{ours}.{name}.bias"] = Source(f"{there}.NIN_{number}.b")
    return sources

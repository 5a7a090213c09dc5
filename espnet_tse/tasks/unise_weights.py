"""UniSE's language model as its authors have released it (alibaba/unified-audio, blocks of LLaMA): names and shapes only."""

from functools import partial
from pathlib import Path
from typing import Any, Callable, Mapping

import torch
from torch import Tensor, nn

from espnet_tse.io.scp import DataError
from espnet_tse.layers.ssl_model import read_config
from espnet_tse.lm.task_lm import TASKS
from espnet_tse.lm.vocabulary import NUM_SPECIALS
from espnet_tse.tasks.weight_map import Source, WeightMap, pair

LICENCE = (
    "not known apart from that of its code, Apache-2.0; BiCodec, whose codes it predicts, is CC-BY-NC-SA-4.0"
)
OUTER = "dnn."  # of the trained module, in which codec and WavLM are left out
NUM_HEADS = 8
MARGIN = 160  # zeros around what WavLM hears, samples
# Ours -> theirs.
TABLES = {
    "lm.table": "codec_embedding",
    "lm.head": "output_head",
    "lm.task_table": "task_embedding",
    "lm.begin_enrollment": "enroll_sos_embedding",
    "lm.begin_mixture": "mix_sos_embedding",
    "lm.stack.norm": "norm",
}
# The other weights of a block of ours -> theirs.
BLOCK = {
    "attention_norm": "input_layernorm",
    "attention.out": "self_attn.o_proj",
    "feedforward_norm": "post_attention_layernorm",
    "feedforward.down": "mlp.down_proj",
}
# Layers of ours that are several there.
JOINED = {
    "attention.query_key_value": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "feedforward.gate_and_up": ("mlp.gate_proj", "mlp.up_proj"),
}
# A conformer over log mels, which the released computation passes by.
UNUSED = ("cond_input_layer.", "cond_encoder.", "cond_output_layer.", "rotary_emb.")


def config_of(state: Mapping[str, Tensor], codec: str, wavlm: str, path: Path) -> dict[str, Any]:
    """Our configuration, by the shapes of the weights; what they do not show is as in the released YAML.

    Args:
        codec: place of the imported BiCodec.
        wavlm: folder of WavLM, all of whose layers are heard.
    Raises:
        DataError: weights that say the sizes are missing, or there is no such folder.
    """
    wanted = ("codec_embedding.weight", "task_embedding.weight", "layers.0.mlp.gate_proj.weight")
    if missing := [name for name in wanted if name not in state]:
        raise DataError(f"{path}: has no {', '.join(missing)}; these are no weights of a released UniSE.")
    if len(state["task_embedding.weight"]) != len(TASKS):
        raise DataError(
            f"{path}: has {len(state['task_embedding.weight'])} tasks; only the release with those of restoration, "
            "extraction and reverse extraction is known here."
        )
    blocks = {name.split(".")[1] for name in state if name.startswith("layers.")}
    inner, width = state["layers.0.mlp.gate_proj.weight"].shape
    return {
        "frontend": "ssl",
        "frontend_conf": {
            "model_dir": wavlm,
            "layer": read_config(Path(wavlm), ("wavlm",))["num_hidden_layers"],
            "average": True,
            "margin": MARGIN,
        },
        "encoder": "adapter",
        "encoder_conf": {},
        "lm": "task_lm",
        "lm_conf": {
            "num_layers": len(blocks),
            "width": width,
            "num_heads": NUM_HEADS,
            "feedforward": inner,
        },
        "vocoder": "codec_decoder",
        "vocoder_conf": {},
        "model": "unise",
        # A training that goes on does so with the released criterion.
        "model_conf": {"whole_vocabulary": True, "global_weight": 1.0, "random_tokens": 0.0},
        "tokenizers": {"acoustic": codec},
    }


def weight_map(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> WeightMap:
    """Of a model that ``config_of`` describes.

    Raises:
        DataError: the codec or WavLM is another one than it was trained with, by the number of codes or the width.
    """
    check_parts(model, state, path)
    sources = {f"{ours}.weight": Source(f"{theirs}.weight") for ours, theirs in TABLES.items()}
    sources |= pair("encoder.projection", "adapter")
    # Of the WavLM that was named: its weights are in no checkpoint.
    identity = model.encoder.frontend.identity
    made: dict[str, Callable[[Mapping[str, Tensor]], Tensor]] = {
        "encoder.frontend.identity": lambda state: identity
    }
    needed: dict[str, tuple[int, ...]] = {}
    for index, block in enumerate(model.lm.stack.blocks):
        ours, theirs = f"lm.stack.blocks.{index}", f"layers.{index}"
        sources |= {
            f"{ours}.{name}.weight": Source(f"{theirs}.{there}.weight") for name, there in BLOCK.items()
        }
        for name, parts in JOINED.items():
            names = [f"{theirs}.{part}.weight" for part in parts]
            layer = block.get_submodule(name)
            made[f"{ours}.{name}.weight"] = partial(joined, names)
            needed |= dict.fromkeys(names, (layer.out_features // len(parts), layer.in_features))
    unused = frozenset(name for name in state if name.startswith(UNUSED))
    return WeightMap(sources, made, needed, unused)


def joined(names: list[str], state: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([state[name] for name in names])


def check_parts(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Raise DataError unless codec and WavLM have the sizes that the weights were trained for."""
    entries, wanted = model.lm.vocabulary.size, len(state["codec_embedding.weight"])
    if entries != wanted:
        raise DataError(
            f"{path}: was trained on codes of {wanted - NUM_SPECIALS} entries, and the codec has "
            f"{entries - NUM_SPECIALS}; name by --codec the import of BiCodec (espnet-tse import-codec)."
        )
    adapter = state.get("adapter.weight")
    width = model.encoder.frontend.output_dim
    if adapter is not None and adapter.size(1) != width:
        raise DataError(
            f"{path}: was trained on features of width {adapter.size(1)}, and the WavLM has {width}; name by --wavlm a "
            "folder of microsoft/wavlm-base-plus."
        )

"""Weights that other authors have published, as folders of ours: one function a system."""

from functools import partial
from pathlib import Path
from types import ModuleType

from espnet_tse.tasks import laura_weights, sepformer_weights, usef_weights
from espnet_tse.tasks.imported_system import build_imported, save_imported
from espnet_tse.tasks.weight_map import read_state


def import_usef(weights: ModuleType, checkpoint: Path, sample_rate: int, folder: Path) -> tuple[int, str]:
    """Write ``folder``; returns the number of tensors, and the licence of the weights.

    Args:
        weights: the module of the network's names.
    Raises:
        DataError: the weights are not readable, or are not those of such a system.
    """
    theirs = read_state(checkpoint, usef_weights.WRAPPERS)
    config = weights.config_of(theirs, sample_rate, checkpoint)
    model = build_imported(config, checkpoint)
    state = weights.weight_map(model).translated(theirs, model.state_dict(), checkpoint)
    save_imported(folder, config, state, checkpoint, usef_weights.LICENCE)
    return len(state), usef_weights.LICENCE


def import_laura_tse(checkpoint: Path, codec: str, folder: Path) -> tuple[int, str]:
    """As ``import_usef``, over the codec that it was trained with."""
    theirs = read_state(checkpoint, laura_weights.WRAPPERS)
    config = laura_weights.config_of(theirs, codec, checkpoint)
    model = build_imported(config, checkpoint)
    weights = laura_weights.weight_map(model, theirs, checkpoint)
    state = weights.translated(theirs, model.state_dict(), checkpoint)
    save_imported(folder, config, state, checkpoint, laura_weights.LICENCE)
    return len(state), laura_weights.LICENCE


IMPORTS = {
    "usef_tfgridnet": partial(import_usef, usef_weights),
    "usef_sepformer": partial(import_usef, sepformer_weights),
    "laura_tse": import_laura_tse,
}

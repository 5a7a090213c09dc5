"""Weights that other authors have published, as folders of ours: one function a system."""

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Mapping

from torch import Tensor, nn

from espnet_tse.codec.load import load_codec, save_codec
from espnet_tse.codec.time_frequency_vae import TimeFrequencyVAE, TimeFrequencyVAEConfig
from espnet_tse.io.choices import checked
from espnet_tse.io.files import sha256_of
from espnet_tse.tasks import (
    corrector_weights,
    laura_weights,
    sepformer_weights,
    solospeech_weights,
    unise_weights,
    usef_weights,
)
from espnet_tse.tasks.imported_system import build_imported, check_place, save_imported
from espnet_tse.tasks.weight_map import WeightMap, read_state

Imported = tuple[int, str]  # number of tensors, licence of the weights


def import_usef(weights: ModuleType, checkpoint: Path, sample_rate: int, folder: Path) -> Imported:
    """Write ``folder``.

    Args:
        weights: the module of the network's names.
    Raises:
        DataError: the weights are not readable, or are not those of such a system.
    """
    theirs = read_state(checkpoint, usef_weights.WRAPPERS)
    config = weights.config_of(theirs, sample_rate, checkpoint)
    return imported(config, weights.weight_map, theirs, checkpoint, usef_weights.LICENCE, folder)


def import_laura_tse(checkpoint: Path, codec: str, folder: Path) -> Imported:
    """As ``import_usef``, over the codec that it was trained with."""
    theirs = read_state(checkpoint, laura_weights.WRAPPERS)
    config = laura_weights.config_of(theirs, codec, checkpoint)
    map_of = partial(laura_weights.weight_map, state=theirs, path=checkpoint)
    return imported(config, map_of, theirs, checkpoint, laura_weights.LICENCE, folder)


def import_unise(checkpoint: Path, codec: str, wavlm: str, folder: Path) -> Imported:
    """As ``import_usef``, over the codec that it was trained with and the WavLM by which it hears."""
    theirs = read_state(checkpoint)
    theirs = {name.removeprefix(unise_weights.OUTER): tensor for name, tensor in theirs.items()}
    config = unise_weights.config_of(theirs, codec, wavlm, checkpoint)
    map_of = partial(unise_weights.weight_map, state=theirs, path=checkpoint)
    return imported(config, map_of, theirs, checkpoint, unise_weights.LICENCE, folder)


def import_solospeech(checkpoint: Path, codec: str, folder: Path) -> Imported:
    """As ``import_usef``, of the extractor over its VAE."""
    theirs = read_state(checkpoint)
    config = solospeech_weights.extractor_config_of(theirs, codec, checkpoint)
    map_of = partial(solospeech_weights.extractor_weight_map, state=theirs, path=checkpoint)
    return imported(config, map_of, theirs, checkpoint, solospeech_weights.LICENCE, folder)


def import_solospeech_vae(checkpoint: Path, folder: Path) -> Imported:
    """Write a codec folder.

    Raises:
        DataError: as ``import_usef``, or the folder holds something else.
    """
    check_place(folder, "manifest.json")
    theirs = solospeech_weights.vae_weights(read_state(checkpoint))
    conf = solospeech_weights.vae_config_of(theirs, checkpoint)
    vae = TimeFrequencyVAE(checked(TimeFrequencyVAEConfig, conf, str(checkpoint))).eval()
    weights = solospeech_weights.vae_weight_map(vae, theirs)
    vae.load_state_dict(weights.translated(theirs, vae.state_dict(), checkpoint))
    training = {"imported_from": checkpoint.name, "sha256": sha256_of(checkpoint)}
    save_codec(folder, vae, {"codec": "time_frequency_vae"}, solospeech_weights.LICENCE, training)
    load_codec(folder)  # what was written opens
    return len(vae.state_dict()), solospeech_weights.LICENCE


def import_solospeech_corrector(checkpoint: Path, system: str, folder: Path) -> Imported:
    """As ``import_usef``, of the corrector, behind a system of ours."""
    theirs = corrector_weights.averaged_state(checkpoint)
    config = corrector_weights.config_of(theirs, system, checkpoint)
    return imported(
        config, corrector_weights.weight_map, theirs, checkpoint, solospeech_weights.LICENCE, folder
    )


def imported(
    config: Mapping[str, Any],
    map_of: Callable[[nn.Module], WeightMap],
    theirs: Mapping[str, Tensor],
    checkpoint: Path,
    licence: str,
    folder: Path,
) -> Imported:
    """Write ``folder`` with the weights of ``checkpoint`` as those of the model that ``config`` describes."""
    model = build_imported(config, checkpoint)
    state = map_of(model).translated(theirs, model.state_dict(), checkpoint)
    save_imported(folder, config, state, checkpoint, licence)
    return len(state), licence


IMPORTS: Mapping[str, Callable[..., Imported]] = {
    "usef_tfgridnet": partial(import_usef, usef_weights),
    "usef_sepformer": partial(import_usef, sepformer_weights),
    "laura_tse": import_laura_tse,
    "unise": import_unise,
    "solospeech_vae": import_solospeech_vae,
    "solospeech": import_solospeech,
    "solospeech_corrector": import_solospeech_corrector,
}

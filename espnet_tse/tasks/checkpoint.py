"""A trained system on disk: an ``exp/`` folder or a packed archive, opened strictly."""

from pathlib import Path
from typing import Any, Mapping

import torch

from espnet_tse.codec.manifest import check_same_codec
from espnet_tse.extractor.exported import ExportedExtractor
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import read_yaml
from espnet_tse.layers.device import check_device
from espnet_tse.layers.weight_layout import column_major_weights
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.models.corrector import Corrector
from espnet_tse.models.discriminative import Discriminative, DiscriminativeConfig
from espnet_tse.schema.manifest import read_manifest
from espnet_tse.tasks.build import build_model
from espnet_tse.tasks.choices import model_choices, slots_of
from espnet_tse.tasks.config_keys import warn_of_unknown_keys
from espnet_tse.tasks.frozen_parts import check_frozen_parts
from espnet_tse.tasks.locations import is_hub_id, located, places_of_training
from espnet_tse.tasks.older_systems import moved_options, name_norm
from espnet_tse.tasks.presence import read_threshold
from espnet_tse.tasks.shipped import SHIPPED
from espnet_tse.tasks.tokenizers import find_tokenizer, kept_manifest, manifests_of
from espnet_tse.tasks.weights import DEFAULT_CHECKPOINT, read_weights


def find_frontend(folder: Path, config: dict) -> Path | None:
    """The folder of a frontend that is a model of its own (``frontend_conf: model_dir``); None of others.

    Raises:
        DataError: it is not to be found.
    """
    model_dir = (config.get("frontend_conf") or {}).get("model_dir")
    if model_dir is None:
        return None
    places = [folder / "frontend", *places_of_training(folder, model_dir)]
    for place in places:
        if (place / "config.json").is_file():
            return place
    tried = ", ".join(str(place) for place in places)
    raise DataError(
        f"{folder}: its frontend is in none of: {tried}; put it there, or pack the model where it is."
    )


def read_config(folder: Path) -> dict:
    """The resolved configuration of a trained system, in the current options.

    Raises:
        DataError: missing, no YAML, or of something else than a system.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise DataError(f"{path}: no such file; is this the folder of a trained system (exp/tse_...)?")
    config = read_yaml(path)
    given = dict(config)
    moved_options(config)
    wanted = [name for option, _ in slots_of("model", config) for name in (option, f"{option}_conf")]
    lacking = [name for name in wanted if name not in config]
    if lacking:
        raise DataError(
            f"{path}: lacks {', '.join(lacking)}; give the folder of a trained system (exp/tse_...)."
        )
    warn_of_unknown_keys(path, given)
    try:
        model = model_choices.chosen(config["model"])
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    lacking = [name for name in model.tokenizers if not (config.get("tokenizers") or {}).get(name)]
    if lacking:
        raise DataError(
            f"{path}: lacks tokenizers: {', '.join(lacking)}; give the folder of a trained system "
            "(exp/tse_...)."
        )
    return config


def tokenizers_of(folder: Path, config: dict, elsewhere: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name -> place of every tokenizer of a trained system.

    Args:
        elsewhere: places that win over those where they are looked for.
    Raises:
        DataError: one is not to be found, or another one than in training; a name in ``elsewhere`` that it
            does not have.
    """
    names = model_choices.classes[config["model"]].tokenizers
    try:
        check_known(elsewhere or {}, names, where="tokenizers")
    except ValueError as error:
        raise DataError(f"{folder}: {error}") from None
    places = {
        name: str((elsewhere or {}).get(name) or find_tokenizer(folder, name, config["tokenizers"][name]))
        for name in names
    }
    for name, manifest in manifests_of(places).items():
        check_same_codec(read_manifest(kept_manifest(folder, name)), manifest)
    return places


def load_model(
    path: Path | str,
    checkpoint: str | None = None,
    tokenizers: Mapping[str, str] | None = None,
    device: str = "cpu",
) -> AbsTSEModel:
    """Open a trained system in eval mode.

    Args:
        path: ``exp/tse_...``, a packed archive, a hub id, or a file of ``espnet-tse export``.
        checkpoint: file name inside the folder; ``valid.loss.ave.pth`` when None.
        tokenizers: name -> place, where they are not where training found them.
    Raises:
        DataError: a part is missing, a tokenizer is another one than in training, the weights do not fit, or
            ``device`` is none or not there.
    """
    check_device(device)
    if Path(path).suffix == ".onnx":
        return load_exported(Path(path), checkpoint, tokenizers, device)
    with located(path) as folder:
        return load_from_folder(folder, checkpoint or DEFAULT_CHECKPOINT, tokenizers, device)


def load_exported(
    path: Path, checkpoint: str | None, tokenizers: Mapping[str, str] | None, device: str
) -> AbsTSEModel:
    """Open a file of ``espnet-tse export``, which is whole in itself and runs on processors."""
    if checkpoint or tokenizers or device != "cpu":
        raise DataError(
            f"{path}: an exported system has neither checkpoints nor tokenizers nor a device; leave them out."
        )
    extractor = ExportedExtractor(path)
    about = extractor.about
    learned = {
        name: about[name] for name in ("losses", "speeds", "against_rest") if name in about
    }  # of older files not known
    return Discriminative(extractor, DiscriminativeConfig(**learned)).eval()


def load_corrector(path: Path | str, device: str | torch.device) -> Corrector:
    """Open a trained corrector, without the system that it was trained behind.

    Raises:
        DataError: as ``load_model``, or it is none.
    """
    with located(path) as folder:
        model = load_from_folder(folder, DEFAULT_CHECKPOINT, None, str(device), alone=True)
    refuse_other_than_corrector(type(model), path)
    return model


def check_corrector(path: Path | str) -> None:
    """Look, before anything is opened, whether a corrector is there; the hub is not asked.

    Raises:
        DataError: nothing usable, or something else.
    """
    if is_hub_id(path) and not Path(path).exists():
        return
    try:
        with located(path) as folder:
            model = model_choices.classes[read_config(folder)["model"]]
            if not (folder / DEFAULT_CHECKPOINT).is_file():
                raise DataError(f"{folder} holds no {DEFAULT_CHECKPOINT}; train it to the end of an epoch.")
    except DataError as error:
        raise DataError(f"corrector: {error}") from error
    refuse_other_than_corrector(model, path)


def refuse_other_than_corrector(model: type[AbsTSEModel], path: Path | str) -> None:
    if not issubclass(model, Corrector):
        raise DataError(
            f"corrector: {path} is a {model.__name__}; name a folder that model: corrector was trained into."
        )


def load_from_folder(
    folder: Path, checkpoint: str, tokenizers: Mapping[str, str] | None, device: str, alone: bool = False
) -> AbsTSEModel:
    """As ``load_model``, of a folder.

    Args:
        alone: leave out systems that it runs as they are.
    """
    config = read_config(folder)
    config["tokenizers"] = tokenizers_of(folder, config, tokenizers)
    if frontend := find_frontend(folder, config):
        config["frontend_conf"]["model_dir"] = str(frontend)
    weights = folder / checkpoint
    name_norm(config, weights)
    model = build_checked(config, folder / "config.yaml")
    try:
        model.load_state_dict(read_weights(weights, device))
    except DataError:
        raise
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        raise DataError(
            f"{weights}: does not fit {folder / 'config.yaml'}; copy both from one training, or give another "
            f"--checkpoint: {error}"
        ) from error
    if not alone:
        keep_systems(model, {name: find_system(folder, name, config) for name in whole_systems(model)})
        fix = "put that one back or train anew; behind other systems a corrector goes by corrector: in their decoding YAML"
        check_frozen_parts(model, folder, fix)
    if checkpoint == DEFAULT_CHECKPOINT:
        model.presence_threshold = read_threshold(folder)
    model = model.to(device).eval()
    return column_major_weights(model) if device == "cpu" else model


def whole_systems(model: AbsTSEModel | type[AbsTSEModel]) -> list[str]:
    """Names of the systems that a model, or each of its class, runs as they are."""
    return [name for name, place in model.pretrained.items() if place.whole]


def find_system(folder: Path, name: str, config: Mapping[str, Any]) -> str:
    """The place of a system that a trained one runs: packed with it, or where training found it.

    Raises:
        DataError: it is not to be found.
    """
    trained_with = (config.get("pretrained") or {}).get(name)
    places = [folder / "systems" / f"{name}.zip"]
    if trained_with:
        places += places_of_training(folder, trained_with)
    for place in places:
        if place.is_file() or (place / "config.yaml").is_file():
            return str(place)
    if trained_with and (trained_with in SHIPPED or is_hub_id(trained_with)):
        return trained_with
    tried = ", ".join(str(place) for place in places)
    raise DataError(
        f"{folder}: the {name} that it runs is in none of: {tried}; put it there, or pack the model."
    )


def keep_systems(model: AbsTSEModel, places: Mapping[str, str]) -> None:
    """Open the systems that ``model`` runs as they are.

    Raises:
        DataError: one cannot be opened, or does not fit.
    """
    for name, place in places.items():
        try:
            model.keep_system(name, load_model(place))
        except ValueError as error:
            raise DataError(f"{place}: {error}") from error


def build_checked(config: dict[str, Any], path: Path) -> AbsTSEModel:
    """``build_model``; what is wrong is of the file ``path``."""
    try:
        return build_model(config)
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error

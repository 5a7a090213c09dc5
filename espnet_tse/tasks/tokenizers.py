"""The frozen tokenizers and autoencoders that a system builds on, by name."""

from functools import lru_cache
from pathlib import Path
from typing import Mapping

from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.codec.load import load_codec
from espnet_tse.codec.manifest import check_same_codec
from espnet_tse.io.files import write_json
from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.schema.manifest import read_manifest
from espnet_tse.tasks.config_keys import warn_of_unknown_codec_keys
from espnet_tse.tasks.locations import is_hub_id, located, places_of_training

KEPT = "tokenizers_of_training"  # below a system's folder: their manifests, a folder each


def open_tokenizers(model: type[AbsTSEModel], locations: Mapping[str, str]) -> dict[str, AbsIdentified]:
    """Open all that ``model`` builds on.

    Args:
        locations: name -> folder, archive or hub id, the YAML's ``tokenizers``.
    Raises:
        ValueError: one is lacking, not of the kind that the model wants, or unknown to the model.
    """
    check_known(locations, model.tokenizers, where="tokenizers")
    opened = {}
    for name, kind in model.tokenizers.items():
        if not locations.get(name):
            raise ValueError(
                f"model {model.__name__} builds on the tokenizer '{name}'; name its folder "
                f"(tokenizers: {{{name}: exp/codec_...}}, stage 4 makes it)."
            )
        with located(locations[name]) as folder:
            opened[name] = load_codec(folder)
            warn_of_unknown_codec_keys(folder)
        if not isinstance(opened[name], kind):
            raise ValueError(
                f"tokenizers: {name}: {locations[name]} is a {type(opened[name]).__name__}, and model "
                f"{model.__name__} wants a {kind.__name__.removeprefix('Abs')}."
            )
    return opened


def manifests_of(locations: Mapping[str, str]) -> dict[str, dict]:
    """Name -> manifest of each tokenizer; nothing is loaded."""
    return {name: manifest_at(location) for name, location in locations.items()}


def manifest_at(location: Path | str) -> dict:
    """The manifest of one tokenizer; an archive is unpacked for it once, as long as the file is the same."""
    path = Path(location)
    if path.is_file():
        state = path.stat()
        # A copy, for callers change what they are given.
        return dict(_manifest_in_archive(location, path.resolve(), state.st_mtime_ns, state.st_size))
    with located(location) as folder:
        return read_manifest(folder)


@lru_cache(maxsize=16)
def _manifest_in_archive(location: Path | str, *state: Path | int) -> dict:
    """``state`` says which file it is, and in which version."""
    with located(location) as folder:
        return read_manifest(folder)


def remember_tokenizers(locations: Mapping[str, str], output_dir: Path) -> None:
    """Keep the manifests beside the model: decoding refuses other tokenizers.

    Raises:
        DataError: ``output_dir`` holds a system of another tokenizer.
    """
    for name, manifest in manifests_of(locations).items():
        folder = kept_manifest(output_dir, name)
        if (folder / "manifest.json").is_file():
            check_same_codec(read_manifest(folder), manifest)
        del manifest["path"]  # of this machine
        write_json(output_dir / KEPT / name / "manifest.json", manifest)


def kept_manifest(system: Path, name: str) -> Path:
    """The folder of the manifest that training kept.

    The first release had one codec and kept it under another name.
    """
    older = system / "codec_of_training"
    return older if name == "acoustic" and older.is_dir() else system / KEPT / name


def find_tokenizer(system: Path, name: str, trained_with: str) -> Path | str:
    """A tokenizer of a trained system: packed with it, or where training found it.

    Args:
        trained_with: as in the configuration, relative to the recipe, or a hub id.
    Raises:
        DataError: it is not to be found.
    """
    packed = [system / "tokenizers" / name, *([system / "codec"] if name == "acoustic" else [])]
    places = [*packed, *places_of_training(system, trained_with)]
    for place in places:
        if (place / "manifest.json").is_file() or place.suffix == ".zip" and place.is_file():
            return place
    if is_hub_id(trained_with):
        return trained_with
    tried = ", ".join(str(place) for place in places)
    raise DataError(
        f"{system}: its tokenizer '{name}' is in none of: {tried}; give its folder (--tokenizers "
        f"{name}=FOLDER) or pack the model."
    )

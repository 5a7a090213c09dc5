"""Packing a trained system: one archive that extracts anywhere."""

import json
import re
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path

import yaml

from espnet_tse.layers.ssl_model import files_of_ssl
from espnet_tse.io.files import atomic_write, sha256_of
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.checkpoint import (
    DEFAULT_CHECKPOINT,
    find_frontend,
    find_system,
    load_from_folder,
    read_config,
    tokenizers_of,
    whole_systems,
)
from espnet_tse.tasks.choices import model_choices
from espnet_tse.tasks.frozen_parts import KEPT_PARTS
from espnet_tse.tasks.imported_system import IMPORTED
from espnet_tse.tasks.locations import located
from espnet_tse.tasks.model_card import (
    Card,
    card_markdown,
    licences_markdown,
    licences_of,
    read_about,
    results_of,
)
from espnet_tse.tasks.presence import PRESENCE
from espnet_tse.tasks.tokenizers import KEPT, kept_manifest

TOKENIZER_FILES = ("config.yaml", "model.pth", "manifest.json")
# Paths of the training machine, which say nothing elsewhere.
LOCAL = (
    "output_dir",
    "train_data_dir",
    "valid_data_dir",
    "train_tokens",
    "valid_tokens",
    "train_embeddings",
    "valid_embeddings",
    "config",
    "pretrained",
)


def pack(
    folder: Path,
    output: Path,
    checkpoint: str = DEFAULT_CHECKPOINT,
    extra: tuple[Path, ...] = (),
    licence: str | None = None,
    about: Path | None = None,
) -> None:
    """Write a zip archive: model, configuration, tokenizers, a frontend's own model, identity, card, licences.

    Args:
        folder: ``exp/tse_...``.
        output: the archive, replaced as a whole.
        checkpoint: which weights; stored under the name that extraction looks for.
        extra: further files (RESULTS.md, texts of licences), stored by their names; a README.md or LICENCES.md is put in place
            of ours.
        licence: of the weights, an SPDX name or words, for card and manifest.
        about: Markdown for the card: the training data and what else is to be said.
    Raises:
        DataError: a file is missing, two have one name, the archive has another suffix than .zip, or what would be packed does
            not open: other weights, another tokenizer.
    """
    if output.suffix != ".zip":
        raise DataError(
            f"--output {output}: an archive is written, and opened by its name; call it {output.stem}.zip."
        )
    if licence is not None and not re.fullmatch(r"\S(.*\S)?", licence):
        raise DataError(f"--licence {licence!r}: want a name on one line, as Apache-2.0.")
    words, licence = read_about(about), licence or licence_in(folder)
    config = read_config(folder)
    files = {DEFAULT_CHECKPOINT: folder / checkpoint}
    with ExitStack() as opened:
        tokenizers = {
            name: opened.enter_context(located(place))
            for name, place in tokenizers_of(folder, config).items()
        }
        for name, place in tokenizers.items():
            files[f"{KEPT}/{name}/manifest.json"] = kept_manifest(folder, name) / "manifest.json"
            files |= {f"tokenizers/{name}/{file}": place / file for file in TOKENIZER_FILES}
        frontend = find_frontend(folder, config)
        if frontend is not None:
            files |= {f"frontend/{path.name}": path for path in files_of_frontend(frontend)}
            config["frontend_conf"]["model_dir"] = "frontend"
        for name in whole_systems(model_choices.classes[config["model"]]):
            archive = Path(opened.enter_context(tempfile.TemporaryDirectory())) / f"{name}.zip"
            with located(find_system(folder, name, config)) as system:
                pack(system, archive)
            files[f"systems/{name}.zip"] = archive
        if (folder / KEPT_PARTS).is_file():
            files[KEPT_PARTS] = folder / KEPT_PARTS
        if (folder / IMPORTED).is_file():  # the licence of its weights goes where they go
            files[IMPORTED] = folder / IMPORTED
        for path in extra:
            if path.name in files or path.name in ("config.yaml", "manifest.json"):
                raise DataError(f"--extra {path}: the archive has another {path.name}; rename the file.")
            files[path.name] = path
        missing = [str(path) for path in files.values() if not path.is_file()]
        if missing:
            raise DataError(
                f"{folder}: cannot be packed, missing: {', '.join(missing)}; train on, or fix the paths."
            )
        places = {name: str(place) for name, place in tokenizers.items()}
        model = load_from_folder(folder, checkpoint, places, "cpu")
        config |= {name: None for name in LOCAL} | {"init_param": []}
        config["tokenizers"] = {name: f"tokenizers/{name}" for name in tokenizers}
        manifests = {name: manifest_in(files[f"tokenizers/{name}/manifest.json"]) for name in tokenizers}
        systems = {
            Path(name).stem: packed_manifest(files[name]) for name in files if name.startswith("systems/")
        }
        card = Card(
            folder.resolve().name,
            config,
            model.sample_rate,
            sum(parameter.numel() for parameter in model.parameters()),
            licences_of(licence, config, manifests, systems),
            words,
            results_of(folder),
            tuple(path.name for path in extra),
        )
        texts = {
            "config.yaml": yaml.safe_dump(config, sort_keys=False),
            "README.md": card_markdown(card),
            "LICENCES.md": licences_markdown(card),
        }
        texts = {name: text for name, text in texts.items() if name not in files}
        manifest = {**manifest_of(card, licence, files, manifests), **presence_in(folder, files)}
        texts["manifest.json"] = json.dumps(manifest, indent=2)
        write_archive(output, texts, files)


def manifest_of(card: Card, licence: str | None, files: dict[str, Path], tokenizers: dict[str, dict]) -> dict:
    """What the archive says of itself."""
    return {
        "format": 2,
        "name": card.name,
        "system": card.config["model"],
        "sample_rate": card.sample_rate,
        "num_parameters": card.num_parameters,
        "licence": licence,
        "weights_sha256": sha256_of(files[DEFAULT_CHECKPOINT]),
        "tokenizers_sha256": {name: manifest["sha256"] for name, manifest in tokenizers.items()},
        "files_sha256": {name: sha256_of(path) for name, path in sorted(files.items())},
    }


def presence_in(folder: Path, files: dict[str, Path]) -> dict:
    """What the manifest of ``folder`` says of the presence of voices, if it is of the weights that are packed."""
    path = folder / "manifest.json"
    said = manifest_in(path) if path.is_file() else {}
    of_these = said.get("weights_sha256") == sha256_of(files[DEFAULT_CHECKPOINT])
    return {PRESENCE: said[PRESENCE]} if PRESENCE in said and of_these else {}


def licence_in(folder: Path) -> str | None:
    """The licence that a system was imported or packed with before; None where nothing says."""
    notes = [folder / name for name in (IMPORTED, "manifest.json") if (folder / name).is_file()]
    return next((licence for note in notes if (licence := manifest_in(note).get("licence"))), None)


def manifest_in(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def packed_manifest(archive: Path) -> dict:
    """``manifest.json`` of a packed system."""
    with zipfile.ZipFile(archive) as opened:
        return json.loads(opened.read("manifest.json"))


def write_archive(output: Path, texts: dict[str, str], files: dict[str, Path]) -> None:
    """One zip archive, under a temporary name first."""
    # Zip knows no times before 1980, which files from images of containers may have.
    compression = {"compression": zipfile.ZIP_DEFLATED, "strict_timestamps": False}
    with atomic_write(output, "wb") as file, zipfile.ZipFile(file, "w", **compression) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        for name, path in files.items():
            archive.write(path, name)


def files_of_frontend(folder: Path) -> list[Path]:
    """What of a frontend's folder goes into the archive; ``DataError`` if it is not to be copied."""
    try:
        return files_of_ssl(folder)
    except ValueError as error:
        raise DataError(f"{error} The model cannot be packed as it is.") from error

"""Where a trained thing is: a folder, a packed archive, a repository of the Hugging Face hub, or the package itself."""

import logging
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from espnet_tse.io.scp import DataError
from espnet_tse.io.visible_files import visible_files
from espnet_tse.tasks.hub import HubId, download
from espnet_tse.tasks.shipped import SHIPPED

WEIGHTS = (".pth", ".pt", ".ckpt", ".safetensors")


@contextmanager
def located(value: Path | str) -> Iterator[Path]:
    """The folder of ``value``; an archive is unpacked while the folder is used, a repository fetched first.

    ``base`` and ``stream`` are the systems that come with the package, unless they are folders here.

    Raises:
        DataError: nothing usable there; the message says what was looked for.
    """
    path = Path(value)
    if str(value) in SHIPPED and not path.exists():
        path = SHIPPED[str(value)]
    if path.suffix in (".yaml", ".yml"):
        raise DataError(
            f"{value}: a YAML, which stage 4 (tokenizers) or 7 (systems) of a recipe trains into exp/; give "
            "that folder."
        )
    if "://" in str(value):
        raise DataError(
            f"{value}: an address; of the hub give the id, owner/name, of others what you have downloaded."
        )
    if path.suffix in WEIGHTS and path.is_file():
        raise DataError(
            f"{value}: weights alone; give the folder that has config.yaml, too, as {path.parent} (--checkpoint picks a file)."
        )
    if not path.exists() and is_hub_id(value):
        path = packed_inside(download(HubId.parse(str(value))), value)
    if path.is_dir():
        yield path
        return
    if path.is_file() and not zipfile.is_zipfile(path) and begins_as_archive(path):
        raise DataError(
            f"{path}: is cut short, the end of the archive is missing; fetch it again, or pack the model again."
        )
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise DataError(
            f"{path}: neither an exp/ folder nor a packed model (.zip), nor one that comes with the package "
            f"({', '.join(name for name, place in SHIPPED.items() if place.is_dir())}); train one or fix the path."
        )
    with tempfile.TemporaryDirectory(prefix="espnet_tse_") as unpacked:
        unpack(path, Path(unpacked))
        try:
            with named_in_log(unpacked, str(path)):
                yield Path(unpacked)
        except DataError as error:  # of a folder that is gone when it is read
            raise DataError(str(error).replace(unpacked, str(path))) from error


def places_of_training(system: Path, trained_with: str) -> list[Path]:
    """Where what a trained system builds on may lie, each place once: in its recipe, as its training named it, or beside it.

    Its recipe comes first: the one that somebody stands in may have another of this name.

    Args:
        system: its folder, exp/tse_x.
        trained_with: as in its configuration, relative to the folder whose run.sh trained it.
    """
    recipe = system.resolve().parent.parent
    names = (recipe / trained_with, Path(trained_with), system.parent / Path(trained_with).name)
    # Of several names of a place the last is shown, the shortest.
    return list({place.resolve(): place for place in names}.values())


@contextmanager
def named_in_log(folder: str, name: str) -> Iterator[None]:
    """Warnings of the block name ``name`` where they would a ``folder`` that is gone when they are read."""

    def rename(record: logging.LogRecord) -> bool:
        record.msg = str(record.msg).replace(folder, name)
        return True

    logging.getLogger().addFilter(rename)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(rename)


def begins_as_archive(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def is_hub_id(value: Path | str) -> bool:
    """Whether a place that is not here may be in a repository, ``owner/name[@revision][:path]``.

    A misspelt exp/tse_x looks like one too: what begins with a folder that is here, or with one that recipes
    and packed systems make, is none.
    """
    place = HubId.parse(str(value))
    if place is None or place.repo.endswith(".zip"):
        return False
    owner = place.repo.split("/")[0]
    return owner not in ("exp", "dump", "tokenizers") and not Path(owner).exists()


def packed_inside(folder: Path, name: Path | str) -> Path:
    """The archive of a repository that holds nothing but one; ``folder`` itself where a model lies open in it.

    Raises:
        DataError: there are several.
    """
    archives = sorted(visible_files(folder, "*.zip")) if folder.is_dir() else []
    if not archives or (folder / "config.yaml").is_file():
        return folder
    if len(archives) > 1:
        names = ", ".join(f"{name}:{path.name}" for path in archives)
        raise DataError(f"'{name}' holds {len(archives)} archives; name one of them: {names}.")
    return archives[0]


def unpack(path: Path, target: Path) -> None:
    """Unpack an archive whose members all stay inside ``target``; a damaged or encrypted one is named."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            # Symbolic links and parents could write outside of the folder.
            is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
            inside = (target / member.filename).resolve().is_relative_to(target.resolve())
            if is_link or not inside:
                raise DataError(
                    f"{path}: member '{member.filename}' leads out of the archive; do not use this file."
                )
        try:
            archive.extractall(target)
        # zipfile raises RuntimeError for archives that are encrypted or packed in a way it does not know.
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise DataError(
                f"{path}: cannot be unpacked ({error}); fetch it again, or pack the model again."
            ) from error

"""The sha256 of a file, kept in a small file beside it, which ``sha256sum -c`` reads too; the sums in a .pth itself."""

import os
import re
import zipfile
from pathlib import Path

from espnet_tse.io.files import sha256_of
from espnet_tse.io.scp import DataError

SUFFIX = ".sha256"


def checksum_file(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def write_checksum(path: Path) -> None:
    """``<path>.sha256`` of the file as it is now.

    Raises:
        OSError: no space, no permission.
    """
    kept = checksum_file(path)
    # One fixed name, as in ``write_tensors``: what a killed process left is overwritten.
    temporary = kept.with_name(f"{kept.name}.tmp")
    temporary.write_text(f"{sha256_of(path)}  {path.name}\n", encoding="utf-8")
    os.replace(temporary, kept)


def kept_checksum(path: Path) -> tuple[str, Path] | None:
    """The hash that is kept for a file, or for what a link stands for, and where it stands; None without one.

    The file's own comes first: a link and the link to its checksum are not exchanged at the same moment. Those
    beside the link are for copies in which links have become files, and for folders of links to elsewhere.

    Raises:
        DataError: the small file holds no hash.
    """
    for place in reversed(chain_of_links(path)):
        kept = checksum_file(place)
        if kept.is_file():
            words = kept.read_text(encoding="utf-8", errors="replace").split()
            if not words or not re.fullmatch("[0-9a-f]{64}", words[0]):
                raise DataError(
                    f"{kept}: holds no sha256; copy it again with {place.name}, or remove it to go without."
                )
            return words[0], kept
    return None


def chain_of_links(path: Path) -> list[Path]:
    """``path`` and what it leads to, link by link; it has to lead to a file."""
    chain = [path]
    while chain[-1].is_symlink():
        chain.append(chain[-1].parent / chain[-1].readlink())
    return chain


def check_checksum(path: Path, expected: str, where: Path) -> None:
    """Raise DataError unless a file has the hash that ``where`` says."""
    found = sha256_of(path)
    if found != expected:
        accept = f"remove {where}" if where.suffix == SUFFIX else f"write its hash into {where}"
        raise DataError(
            f"{path}: has sha256 {found}, but {where} says {expected}: the file was damaged or exchanged. Copy both again "
            f"from where they come from, or, if you changed it yourself, {accept}."
        )


def refuse_flipped_bytes(path: Path) -> None:
    """Raise DataError where a record of ``torch.save`` has another CRC-32 than it was written with.

    ``torch.load`` does not compare them: a flipped byte would be a changed weight. It says nothing of files of another
    kind, which the reader refuses or, of PyTorch before 1.6, reads.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: was damaged ({error}); copy it again from where it comes from.") from None
    if damaged:
        raise DataError(
            f"{path}: was damaged, its record '{damaged}' is not what was written; copy it again from where it comes from."
        )

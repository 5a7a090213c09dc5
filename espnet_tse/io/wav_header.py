"""The sizes in the header of a WAV file, which writers fill in last or, into a pipe, never."""

from pathlib import Path
from typing import BinaryIO

from espnet_tse.io.files import is_there

STREAMED = 0x7FFFF000  # sizes from here on stand for "not known", as writers to a pipe put them


def missing_bytes(file: BinaryIO, num_bytes: int) -> int:
    """Bytes that a WAV file lacks by its own header; 0 for whole files and for what is no WAV.

    libsndfile reads what is left of a copy that broke off, and says nothing.

    Args:
        file: at the file's first byte, where it is left again.
        num_bytes: how long the file is.
    """
    head = file.read(8)
    file.seek(-len(head), 1)
    size = int.from_bytes(head[4:], "little")
    if head[:4] != b"RIFF" or size >= STREAMED:
        return 0
    lacking = size + 8 - num_bytes
    return lacking if lacking > 1 else 0  # some writers count a byte of padding and do not write it


def is_whole(path: Path) -> bool:
    """Whether a WAV file has been written, as far as its size and header tell; copies of other tools may be torn."""
    if not is_there(path):
        return False
    with open(path, "rb") as file:
        return missing_bytes(file, path.stat().st_size) == 0


def filled_in(content: bytes) -> bytes | None:
    """A WAV file whose header says 0 bytes of samples although some follow, with the true sizes in it.

    That is a recording whose writer was ended before it came back to its header, or could not seek. None for
    all other files.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return None
    place = 12
    while content[place : place + 4] != b"data":
        if place + 8 > len(content):
            return None
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    begin = place + 8
    said, riff = (int.from_bytes(content[at : at + 4], "little") for at in (place + 4, 4))
    if said or begin >= len(content) or begin < riff + 8 < STREAMED:
        return None  # samples are counted; there are none; or other chunks follow an empty one
    patched = bytearray(content)
    patched[4:8] = min(len(content) - 8, 0xFFFFFFFF).to_bytes(4, "little")
    patched[place + 4 : begin] = min(len(content) - begin, 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(patched)

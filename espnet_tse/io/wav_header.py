"""The sizes in the header of a WAV file, which writers fill in last or, into a pipe, never."""

from pathlib import Path

from espnet_tse.io.files import is_there
from espnet_tse.io.stated_length import STREAMED, missing_bytes

HEAD = 1 << 12  # bytes at the beginning of a file, in which the sizes stand


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
    begin = place_of_samples(content)
    if begin is None:
        return None
    riff, said = sizes_in(content, begin)
    if said or begin >= len(content) or is_chunk(content[begin : begin + 8], riff - begin):
        return None  # samples are counted; there are none; or other chunks follow an empty one
    patched = bytearray(content)
    patched[4:8] = min(len(content) - 8, 0xFFFFFFFF).to_bytes(4, "little")
    patched[begin - 4 : begin] = min(len(content) - begin, 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(patched)


def is_chunk(head: bytes, room: int) -> bool:
    """Whether eight bytes can begin a chunk of a WAV file in which ``room`` bytes follow them, as the file's size says."""
    return (
        all(0x20 <= byte < 0x7F for byte in head[:4])
        and int.from_bytes(head[4:], "little") <= room < STREAMED
    )


def has_sizes(path: Path) -> bool:
    """As ``has_true_sizes``, of a file; True of files that are none in WAV."""
    with open(path, "rb") as file:
        return has_true_sizes(file.read(HEAD))


def has_true_sizes(head: bytes) -> bool:
    """Whether a WAV file that begins with ``head`` says how long it is and how long its samples are."""
    begin = place_of_samples(head)
    return begin is None or all(0 < size < STREAMED for size in sizes_in(head, begin))


def place_of_samples(content: bytes) -> int | None:
    """First byte of the samples of a WAV file; None where ``content`` is none, or ends before them."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return None
    place = 12
    while content[place : place + 4] != b"data":
        if place + 8 > len(content):
            return None
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    return place + 8


def sizes_in(content: bytes, begin: int) -> tuple[int, int]:
    """What the header says of the bytes behind its first eight, and of those of the samples at ``begin``."""
    riff, samples = (int.from_bytes(content[at : at + 4], "little") for at in (4, begin - 4))
    return riff, samples

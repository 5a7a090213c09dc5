"""Whether a sound file ends where its own stream does: cut lossy files, and files joined by ``cat``.

libsndfile reads what is there of the first stream, and says nothing.
"""

import os
from typing import BinaryIO, Iterator

CUT = "is cut short"
SEVERAL = "holds several streams after each other, of which only the first would be read"
UNMARKED = "does not say that its last page is the last: it is cut short, or was recorded from a broadcast"
BLOCK = 1 << 20  # bytes
LARGEST_PAGE = 27 + 255 + 255 * 255  # bytes of an Ogg page
BEGINS, ENDS = 2, 4  # flags of a page: the first, the last of its stream
LARGEST_FRAME = 2881  # bytes of an MP3 frame; encoders count the frame of the Xing header, or not


def fault_at_end(file: BinaryIO, num_bytes: int) -> str | None:
    """``CUT``, ``SEVERAL``, ``UNMARKED`` (which may be good), or None where nothing is known to be wrong.

    Ogg and FLAC are searched as a whole, of the others head and end are looked at.
    """
    file.seek(0)
    start = length_of_id3(file.read(10))
    file.seek(start)
    head = file.read(1 << 12)
    try:
        if head[:4] == b"OggS":
            return fault_of_ogg(file, num_bytes)
        if head[:4] == b"fLaC":
            # With the header of the block that comes first, STREAMINFO, which may also be the last of its kind.
            markers = b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22"
            return SEVERAL if any(True for _ in places_of(file, markers, start + 1)) else None
        if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
            return fault_of_wav(file, head)
        return fault_of_mp3(file, start, head, num_bytes)
    finally:
        file.seek(0)


def places_of(file: BinaryIO, markers: tuple[bytes, ...], start: int) -> Iterator[int]:
    """Where one of the markers, all of a length, begins, from ``start`` on."""
    width = len(markers[0])
    file.seek(start)
    place, rest = start, b""
    while block := file.read(BLOCK):
        content = rest + block
        for marker in markers:
            found = content.find(marker)
            while found >= 0:
                yield place - len(rest) + found
                found = content.find(marker, found + 1)
        rest = content[1 - width :]
        place += len(block)


def length_of_id3(head: bytes) -> int:
    """Bytes of an ID3v2 tag that begins with ``head``; 0 without one."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 127
    return size + 10 + (10 if head[5] & 16 else 0)


def fault_of_wav(file: BinaryIO, head: bytes) -> str | None:
    """A second WAV file right behind the first one."""
    size = int.from_bytes(head[4:8], "little")
    file.seek(8 + size + size % 2)
    behind = file.read(12)
    return SEVERAL if behind[:4] == b"RIFF" and behind[8:12] == b"WAVE" else None


# --- Ogg: Vorbis, Opus, FLAC, Speex (RFC 3533) -----------------------------------------------------------


def fault_of_ogg(file: BinaryIO, num_bytes: int) -> str | None:
    """A last page that is not whole or not marked as the last, or pages that begin a stream behind those of another.

    Streams side by side begin together, before any other page.
    """
    place = 0
    while (page := read_page(file, place)) and page[0] & BEGINS:
        place = page[1]
    if any(True for _ in places_of(file, (b"OggS\x00\x02",), place)):
        return SEVERAL
    file.seek(max(0, num_bytes - LARGEST_PAGE))
    tail = file.read(LARGEST_PAGE)
    last = tail.rfind(b"OggS\x00")
    if last < 0:
        return None  # something else behind the stream, longer than any page
    page = read_page(file, num_bytes - len(tail) + last)
    if page is None or page[1] > num_bytes:
        return CUT
    return None if page[0] & ENDS else UNMARKED


def read_page(file: BinaryIO, place: int) -> tuple[int, int] | None:
    """Flags and end of the page at ``place``; None where none begins."""
    file.seek(place)
    head = file.read(27 + 255)
    if len(head) < 27 or head[:5] != b"OggS\x00" or len(head) < 27 + head[26]:
        return None
    return head[5], place + 27 + head[26] + sum(head[27 : 27 + head[26]])


# --- MP3 -----------------------------------------------------------------------------------------------------


def fault_of_mp3(file: BinaryIO, start: int, head: bytes, num_bytes: int) -> str | None:
    """By the number of bytes in its Xing (or Info) header, which not every file has.

    Tags behind the stream (ID3v1, APE, Lyrics3) are no fault.
    """
    length = length_by_xing(head)
    if length is None:
        return None
    if num_bytes - start < length - LARGEST_FRAME:
        return CUT
    file.seek(start + length)
    behind = file.read(10)
    if skipped := length_of_id3(behind):
        file.seek(start + length + skipped)
    else:
        file.seek(-len(behind), os.SEEK_CUR)
    return SEVERAL if length_by_xing(file.read(1 << 12)) is not None else None


def length_by_xing(head: bytes) -> int | None:
    """Bytes of the MP3 stream that begins with ``head``; None if it is none, or does not say."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # synchronised, layer III
        return None
    mono, of_mpeg_1 = head[3] >> 6 == 3, head[1] & 0x18 == 0x18
    place = 4 + ((17 if mono else 32) if of_mpeg_1 else (9 if mono else 17))
    place += 0 if head[1] & 1 else 2  # a checksum
    if head[place : place + 4] not in (b"Xing", b"Info"):
        return None
    flags = int.from_bytes(head[place + 4 : place + 8], "big")
    if not flags & 2:
        return None
    place += 12 if flags & 1 else 8
    return int.from_bytes(head[place : place + 4], "big") or None

"""How long a sound file is by its own header, for formats of which libsndfile reads what is left and says nothing."""

import re
from typing import BinaryIO

import numpy as np

STREAMED = 0x7FFFF000  # sizes of WAV from here on stand for "not known", as writers to a pipe put them
UNKNOWN = 0x7F000000  # of AIFF and AU: sox writes this much and some bytes, others -1
LARGEST = 1 << 62  # of 64-bit sizes: those above are -1
W64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


def missing_bytes(file: BinaryIO, num_bytes: int) -> int:
    """Bytes that a WAV, RF64, W64, AIFF, AU or SPHERE file lacks by its own header; 0 for whole files and all others.

    Args:
        file: at the file's first byte, where it is left again.
        num_bytes: how long the file is.
    """
    head = file.read(1024)
    file.seek(-len(head), 1)
    lacking = (stated_length(head) or 0) - num_bytes
    return lacking if lacking > 1 else 0  # some writers count a byte of padding and do not write it


def stated_length(head: bytes) -> int | None:
    """Bytes of the file that begins with ``head``, its first 1024 bytes; None where that does not say."""

    def number(place: int, width: int, order: str = "little") -> int:
        return int.from_bytes(head[place : place + width], order)

    if head[:4] == b"RIFF":
        return 8 + number(4, 4) if number(4, 4) < STREAMED else None
    if head[:4] == b"RF64" and head[12:16] == b"ds64":
        return 8 + number(20, 8) if number(20, 8) < LARGEST else None
    if head[:16] == W64:
        return number(16, 8) if number(16, 8) < LARGEST else None
    if head[:4] == b"FORM":
        return 8 + number(4, 4, "big") if number(4, 4, "big") < UNKNOWN else None
    if head[:4] == b".snd":
        return number(4, 4, "big") + number(8, 4, "big") if number(8, 4, "big") < UNKNOWN else None
    if head[:7] == b"NIST_1A":
        return length_of_sphere(head)
    return None


def length_of_sphere(head: bytes) -> int | None:
    """Of a SPHERE file; None where that is compressed (shorten), or its header does not count the samples."""
    fields = {name: int(value) for name, value in re.findall(rb"(\w+) -i (\d+)", head)}
    is_counted = b"sample_count" in fields and head[8:16].strip().isdigit()
    if not is_counted or re.search(rb"sample_coding [^\n]*,embedded", head):
        return None
    counts = [fields.get(name, 1) for name in (b"sample_count", b"channel_count", b"sample_n_bytes")]
    return int(head[8:16]) + int(np.prod(counts))

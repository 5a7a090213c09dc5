"""Raw PCM, one channel of samples without a header, as it comes in and as it goes out."""

import logging
import os
import sys
from contextlib import contextmanager
from typing import BinaryIO, Iterator

import numpy as np

from espnet_tse.io.audio import rounded
from espnet_tse.io.scp import DataError

FORMATS = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}  # by the names that ffmpeg has for them
RAW_SUFFIXES = (".raw", ".pcm")
LARGEST = 1e6  # floats in the range of int16 are below
AT_ONCE = 1 << 16  # bytes, what a pipe of Linux holds
# A header, and what follows where it is coded, would be heard as noise. Where it begins, its bytes, whose they are.
HEADERS = (
    (0, b"RIFF", "WAV"),
    (0, b"RF64", "WAV"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg"),
    (0, b"ID3", "MP3"),
    (0, b"FORM", "AIFF"),
    (0, b".snd", "AU"),
    (0, b"caff", "CAF"),
    (0, b"NIST", "SPHERE"),
    (0, b"#!AMR", "AMR"),
    (0, b"\x1aE\xdf\xa3", "WebM"),
    (4, b"ftyp", "MP4 (M4A)"),
)
LONGEST_HEADER = 8  # bytes


def read_raw(source: BinaryIO, sample_format: str) -> Iterator[np.ndarray]:
    """(n,) float32 blocks, each of what is there without waiting for more; full scale is 1.

    Args:
        source: buffered, as ``sys.stdin.buffer``.
        sample_format: of ``FORMATS``.
    Raises:
        DataError: the stream begins with the header of a file, or holds floats that are none.
    """
    width = FORMATS[sample_format].itemsize
    held = source.read(LONGEST_HEADER)
    for place, content, kind in HEADERS:
        if held[place:].startswith(content):
            raise DataError(
                f"the input begins with the header of a file ({kind}); want samples alone, "
                f"as of: ffmpeg -i FILE -f {sample_format} -ac 1 -ar RATE -"
            )
    while True:
        whole = len(held) - len(held) % width
        yield decoded(held[:whole], sample_format)
        piece = source.read1(AT_ONCE)
        held = held[whole:] + piece
        if not piece:
            break
    if held:
        logging.warning(
            f"the input ended inside a sample, {len(held)} of its {width} bytes are there and left out: it was cut short, "
            f"or is not {sample_format}"
        )


def decoded(content: bytes, sample_format: str) -> np.ndarray:
    """(n,) float32 of whole samples."""
    samples = np.frombuffer(content, FORMATS[sample_format])
    if sample_format == "s16le":
        return samples.astype(np.float32) / 32768
    # Integers that are taken for floats are of any size, and some of them no number.
    if samples.size and not np.abs(samples).max() <= LARGEST:
        raise DataError(
            f"the input is no sound in {sample_format}: samples are beyond {LARGEST:.0e} or no numbers; name the format that "
            f"it has (--sample_format {' or '.join(FORMATS)})."
        )
    return samples.astype(np.float32)


def encoded(samples: np.ndarray, sample_format: str) -> bytes:
    """The bytes of (n,) floats in [-1, 1]; of ``f32le`` at any level."""
    return (
        (rounded(samples) if sample_format == "s16le" else samples).astype(FORMATS[sample_format]).tobytes()
    )


@contextmanager
def samples_to_stdout() -> Iterator[BinaryIO]:
    """stdout, unbuffered; what is printed there meanwhile goes to stderr, for it would be heard."""
    sys.stdout.flush()
    samples = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    try:
        yield samples
    finally:
        sys.stdout.flush()
        os.dup2(samples.fileno(), 1)
        samples.close()


def write_all(file: BinaryIO, content: bytes) -> None:
    """Write to an unbuffered file, which may take less than it is given at a time."""
    while content:
        content = content[file.write(content) :]

"""The one door for audio that a list names: files, entries of archives and, where allowed, commands."""

import contextlib
import io
import logging
import os
import re
import shlex
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Iterator

import numpy as np

from espnet_tse.io.command_pipe import PipeError, output_of
from espnet_tse.io.scp import DataError
from espnet_tse.io.stated_length import length_of_sphere, missing_bytes
from espnet_tse.io.stream_end import CUT, UNMARKED, fault_at_end
from espnet_tse.io.wav_header import HEAD, filled_in, has_true_sizes

if TYPE_CHECKING:
    import soundfile

UNKNOWN_LENGTH = 1 << 62  # frames from here on: the header does not say how many there are
BLOCK = 1 << 16  # frames
INT16_SCALE = np.float32(1 / 32768)  # libsndfile's own: int16 / 2^15 is exact in float32


class AudioError(DataError):
    """An entry that cannot be read as audio; the message names it; whoever knows key and list adds them."""


class CutShortError(AudioError):
    """An entry whose end is missing."""


@dataclass(frozen=True)
class AudioInfo:
    """What is known of an entry without its samples."""

    num_samples: int  # samples a channel
    sample_rate: int  # Hz
    num_channels: int
    format: str  # libsndfile's name, e.g. WAV
    subtype: str  # of the sample format, e.g. PCM_16
    # Whether the header holds the length, and a span after a seek is that of a whole read. Of MP3 and of FLAC
    # from a pipe the length is an estimate or lacking; Opus decodes other samples for up to a second after a
    # seek; codecs of telephony (GSM 6.10, G.721) cannot seek at all.
    seekable: bool

    @property
    def is_float(self) -> bool:
        """Whether the samples are floats, which hold more than 16 bits, and more than full scale."""
        return self.subtype in ("FLOAT", "DOUBLE")


def is_pipe(entry: str) -> bool:
    return entry.rstrip().endswith("|")


def is_plain_file(entry: str) -> bool:
    """Whether an scp value is a file's path, and neither a pipe nor ``file.ark:offset``."""
    return not is_pipe(entry) and (re.search(r":\d+$", entry) is None or Path(entry).exists())


def file_of(entry: str) -> Path:
    """The file of an entry that is no pipe; of ``file.ark:offset`` the archive."""
    return Path(entry if is_plain_file(entry) else entry.rpartition(":")[0])


def read_info(entry: str, pipes: bool = False) -> AudioInfo:
    """Read a header, and where it does not hold the length, the file.

    Args:
        entry: path, ``file.ark:offset`` or ``command |``.
        pipes: run commands; refuse them otherwise.
    Raises:
        AudioError: as ``read_entry``, but for samples that are cut short behind a good header of another
            format than WAV.
    """
    with opened(entry, pipes) as file:
        exact = has_exact_length(file)
        num_samples = file.frames if exact else sum(len(block) for block in blocks(file, "int16"))
        return AudioInfo(
            num_samples, file.samplerate, file.channels, file.format, file.subtype, has_exact_spans(file)
        )


def read_entry(entry: str, dtype: str | None = "float64", pipes: bool = False) -> tuple[np.ndarray, int]:
    """Read all samples.

    Args:
        entry: path, ``file.ark:offset`` or ``command |`` (several commands may be piped; no shell is used).
        dtype: ``float64`` or ``float32`` (full scale is 1), or ``int16``; None for int16 of an entry that holds
            those, float32 of all others.
        pipes: run commands; refuse them otherwise.
    Returns:
        (N, C) samples and their rate in Hz.
    Raises:
        AudioError: missing, unreadable, cut short, no audio, or a command that fails.
    """
    with opened(entry, pipes) as file:
        return all_of(file, entry, dtype or own_dtype(file)), file.samplerate


def read_span(
    entry: str, start: int, num_samples: int, dtype: str | None = "float32", total: int | None = None
) -> tuple[np.ndarray, int]:
    """As ``read_entry``, of at most ``num_samples`` samples from ``start`` on, as a whole read gives them.

    Args:
        total: samples that the whole entry is known to have; another number is an AudioError.
    """
    with opened(entry, pipes=False) as file:
        dtype = dtype or own_dtype(file)
        if has_exact_spans(file):
            found = file.frames
            file.seek(min(start, found))
            samples = file.read(num_samples, dtype=dtype, always_2d=True)
        else:
            whole = all_of(file, entry, dtype)
            found, samples = len(whole), whole[start : start + num_samples]
        if total is not None and found != total:
            raise AudioError(
                f"'{entry}' holds {found} samples, but utt2num_samples has {total}; run stage 2 (format) with --force "
                "true, then stage 3 (validate)."
            )
        return samples, file.samplerate


def read_blocks(entry: str, dtype: str = "float32") -> Iterator[np.ndarray]:
    """As ``read_entry``, (n, C) samples after each other; memory does not grow with the length.

    Raises:
        AudioError: as ``read_entry``; that samples are missing shows at the end.
    """
    with opened(entry, pipes=False) as file:
        count = 0
        for block in blocks(file, dtype):
            count += len(block)
            yield block
        refuse_cut(file, count, entry)


@contextlib.contextmanager
def opened(entry: str, pipes: bool) -> Iterator["soundfile.SoundFile"]:
    """An entry, open at its first sample; whatever the library raises meanwhile becomes an AudioError."""
    import soundfile

    class Sequential(soundfile.SoundFile):
        """Reads on without a seek, which fails where the length is not known."""

        def seekable(self) -> bool:
            return has_exact_length(self) and super().seekable()

    try:
        with source_of(entry, pipes) as source, Sequential(source) as file:
            yield file
    except DataError:
        raise
    except Exception as error:  # soundfile raises its own, RuntimeError, ValueError, TypeError and OSError
        reason = getattr(error, "error_string", error)  # without the name, which stands there already
        raise AudioError(
            f"'{entry}' cannot be read as audio ({reason}); write it again as wav or flac, as by: {converted(entry)}; of a "
            "list fix its line, or drop the key."
        ) from None


def converted(entry: str) -> str:
    """The command that writes an entry, of any format that is known, as a mono file that is read here."""
    source = shlex.quote(entry) if not is_pipe(entry) and is_plain_file(entry) else "IN"
    return f"ffmpeg -i {source} -ac 1 OUT.wav"


@contextlib.contextmanager
def source_of(entry: str, pipes: bool) -> Iterator[str | BinaryIO]:
    """What libsndfile opens: the path itself where it can, so that it reads only what it needs."""
    if is_pipe(entry):
        if not pipes:
            raise AudioError(
                f"'{entry}' is a command, and only stage 2 (format_data) runs those; run it and use its "
                "output."
            )
        try:
            content = output_of(entry.rstrip()[:-1])
        except PipeError as error:
            raise AudioError(f"'{entry}': {error}; fix its line.") from None
        refuse_empty(len(content), entry)
        yield io.BytesIO(whole(io.BytesIO(content), len(content), entry))
        return
    path = file_of(entry)
    refuse_missing(path, entry)
    with open(path, "rb") as file:
        state = os.fstat(file.fileno())
        num_bytes = state.st_size
        refuse_empty(num_bytes, entry)
        if not is_plain_file(entry):
            yield ArchivedFile(file, *bounds(file, num_bytes, entry))
            return
        refuse_cut_file(file, num_bytes, entry)
        refuse_wrong_end(fault_of_file(str(path), num_bytes, state.st_mtime_ns), entry)
        if path.suffix.lower() == ".raw":
            refuse_headerless(file, entry)
        elif not lacks_sizes(file):
            yield str(path)
            return
        yield io.BytesIO(whole(file, num_bytes, entry))


def refuse_missing(path: Path, entry: str) -> None:
    """Raise AudioError where there is no file; libsndfile calls that a "System error"."""
    if path.is_dir():
        raise AudioError(f"'{entry}': is a folder, not an audio file; fix its line.")
    if not path.exists():
        if entry.startswith("*"):
            raise AudioError(
                f"'{entry}': is not an audio file but an enrollment that training draws ('*UID SPEAKER'); "
                "name a file."
            )
        start = "" if path.is_absolute() else f"; relative paths start at the current folder, {Path.cwd()}"
        raise AudioError(f"'{entry}': no such file{start}; fix its line, or drop the key.")


def refuse_empty(num_bytes: int, entry: str) -> None:
    """Raise AudioError where there is nothing, which no program makes audio of."""
    if not num_bytes:
        raise AudioError(f"'{entry}' is empty, 0 bytes; make it again, or drop the key.")


def refuse_cut_file(file: BinaryIO, num_bytes: int, entry: str) -> None:
    """Raise AudioError where a file is shorter than its header says, of formats whose header says it."""
    if lacking := missing_bytes(file, num_bytes):
        raise CutShortError(f"'{entry}' is cut short, {lacking} bytes are missing; make or fetch it again.")


@lru_cache(maxsize=1 << 16)
def fault_of_file(path: str, num_bytes: int, mtime_ns: int) -> str | None:
    """``fault_at_end`` of a file, which is looked at once as long as it is the same."""
    with open(path, "rb") as file:
        fault = fault_at_end(file, num_bytes)
    if fault == UNMARKED:
        logging.warning(f"{path} {fault}")
    return fault


def refuse_wrong_end(fault: str | None, entry: str) -> None:
    """Raise AudioError for a lossy file that is cut, and for files that were joined as they are."""
    if fault == CUT:
        raise CutShortError(f"'{entry}' {fault}; make or fetch it again, or drop the key.")
    if fault and fault != UNMARKED:
        raise AudioError(f"'{entry}' {fault}; decode each to wav and join those (sox a.wav b.wav ab.wav).")


def refuse_headerless(file: BinaryIO, entry: str) -> None:
    """Raise AudioError for samples without a header, which ``.raw`` usually holds."""
    if file.read(4) not in (b"RIFF", b"NIST", b"fLaC", b"OggS", b"FORM"):
        raise AudioError(
            f"'{entry}' has no header that says its rate and sample format; write it as wav, or let stage 2 "
            "do that with a line such as: "
            f"sox -t raw -r 16000 -e signed-integer -b 16 -c 1 {shlex.quote(entry)} -t wav - |"
        )
    file.seek(0)


def lacks_sizes(file: BinaryIO) -> bool:
    """Whether a plain file may be a WAV whose sizes were never filled in; reads the beginning only."""
    head = file.read(HEAD)
    file.seek(0)
    return filled_in(head) is not None


def whole(file: BinaryIO, num_bytes: int, entry: str) -> bytes:
    """All bytes of a file, with the sizes of a WAV filled in."""
    refuse_cut_file(file, num_bytes, entry)
    content = file.read()
    refuse_wrong_end(fault_at_end(io.BytesIO(content), len(content)), entry)
    return filled_in(content) or content


# --- Archives -----------------------------------------------------------------------------------------------


def bounds(file: BinaryIO, num_bytes: int, entry: str) -> tuple[int, int]:
    """First byte and length of the sound file at ``file.ark:offset``.

    Raises:
        AudioError: nothing that is audio begins there, or it is cut short.
    """
    start = int(entry.rpartition(":")[2])
    file.seek(start)
    head = file.read(1024)
    if head[:5] == b"AUDIO":  # of kaldiio: the number of bytes of a number, that number, and so many bytes
        width = head[5]
        length = int.from_bytes(head[6 : 6 + width], "little")
        start += 6 + width
    elif head[:4] == b"RIFF":
        if not has_true_sizes(head):
            raise AudioError(
                f"'{entry}': the header of this WAV does not say how long it is, so where the next entry begins is "
                "unknown; write the archive again with the sizes in its headers (wav-copy scp:... ark,scp:...)."
            )
        file.seek(start)
        refuse_cut_file(file, num_bytes - start, entry)
        size = int.from_bytes(head[4:8], "little") + 8
        length = min(size, num_bytes - start)
    elif head[:4] == b"fLaC":
        length = num_bytes - start  # its own header says where it ends
    elif head[:7] == b"NIST_1A":
        length = length_of_sphere(head) or num_bytes - start
    else:
        kind = {b"PKL": "a pickle", b"NPY": "an array"}.get(
            head[:3], "a matrix or vector" if head[:2] == b"\0B" else ""
        )
        raise AudioError(
            f"'{entry}': no audio begins at byte {start} of the archive"
            f"{kind and f', but {kind}'}; write the scp again together with its ark (wav-copy scp:... "
            "ark,scp:...)."
        )
    if start + length > num_bytes:
        raise CutShortError(
            f"'{entry}' is cut short, {start + length - num_bytes} bytes are missing; make or fetch the "
            "archive again."
        )
    return start, length


class ArchivedFile(io.RawIOBase):
    """Bytes ``start`` to ``start + length`` of a file, as a file of their own."""

    def __init__(self, file: BinaryIO, start: int, length: int):
        super().__init__()
        self.file, self.start, self.length = file, start, length
        self.place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.place, os.SEEK_END: self.length}[whence]
        return self.place

    def readinto(self, buffer) -> int:
        self.file.seek(self.start + self.place)
        content = self.file.read(max(0, min(len(buffer), self.length - self.place)))
        buffer[: len(content)] = content
        self.place += len(content)
        return len(content)


# --- Samples ------------------------------------------------------------------------------------------------


def own_dtype(file: "soundfile.SoundFile") -> str:
    """int16 where that holds all that a file has, else float32."""
    return "int16" if file.subtype == "PCM_16" else "float32"


def has_exact_length(file: "soundfile.SoundFile") -> bool:
    """Whether ``frames`` is the true number of them; of MP3 it may be an estimate."""
    return file.frames < UNKNOWN_LENGTH and file.format not in ("MP3", "MPEG")


def has_exact_spans(file: "soundfile.SoundFile") -> bool:
    """Whether samples behind a seek are those that a whole read has there."""
    return file.seekable() and file.subtype != "OPUS"  # seekable: as of ``Sequential``


def blocks(file: "soundfile.SoundFile", dtype: str) -> Iterator[np.ndarray]:
    """(n, C) samples after each other until there are no more."""
    while len(block := file.read(BLOCK, dtype=dtype, always_2d=True)):
        yield block


def all_of(file: "soundfile.SoundFile", entry: str, dtype: str) -> np.ndarray:
    """(N, C), all samples.

    Raises:
        AudioError: there are fewer than the header says.
    """
    if file.seekable():
        samples = file.read(dtype=dtype, always_2d=True)
    else:
        samples = np.concatenate([*blocks(file, dtype), np.zeros((0, file.channels), dtype)])
    refuse_cut(file, len(samples), entry)
    return samples


def lacks_end(entry: str) -> bool:
    """Whether an entry is cut short, as far as its size, its header and its last sample tell: it is not read as a whole.

    Raises:
        AudioError: missing, or no audio.
    """
    try:
        with opened(entry, pipes=False) as file:
            return has_exact_spans(file) and not has_last_sample(file)
    except CutShortError:
        return True


def has_last_sample(file: "soundfile.SoundFile") -> bool:
    """Whether there is what the header says is the last sample; of a FLAC file that is cut not even a seek succeeds."""
    import soundfile

    last = max(0, file.frames - 1)
    try:
        file.seek(last)
        return last + len(file.read(1)) == file.frames
    except soundfile.LibsndfileError:
        return False


def refuse_cut(file: "soundfile.SoundFile", count: int, entry: str) -> None:
    """Raise AudioError where a file held fewer samples than its header says."""
    if has_exact_length(file) and count < file.frames:
        raise CutShortError(
            f"'{entry}' is cut short: {count} of {file.frames} samples; make or fetch it again, or drop the "
            "key."
        )


def refuse_not_finite(samples: np.ndarray, entry: str) -> None:
    """Raise AudioError for NaN and infinite samples, which float files can hold."""
    # Extremes show both, and need no array of an hour's size.
    if samples.size and not (np.isfinite(samples.max()) and np.isfinite(samples.min())):
        raise AudioError(
            f"'{entry}' holds NaN or infinite samples; write it again from its source, or drop the key."
        )

"""Names under which the streams of all that a set's rows hold are stored: targets, mixtures, enrollments."""

from pathlib import Path
from typing import Iterator, Sequence

from espnet_tse.data.scp_fields import (
    SPEAKER_ENROLLMENTS,
    DynamicEnrollment,
    MixtureRow,
    read_speaker_enrollments,
    read_tse_dir,
)
from espnet_tse.io.scp import DataError


def mixture_name(key: str) -> str:
    """Of the mixture of row ``key``; the target's name is the key itself."""
    return f"{key}#mixture"


def enrollment_name(key: str) -> str:
    """Of the enrollment of row ``key``, or, where enrollments are drawn, of utterance ``key``."""
    return f"{key}#enrollment"


def audio_of(tse_dir: Path | str) -> dict[str, str]:
    """Name -> audio entry of everything that a training on this set hears or learns.

    Raises:
        DataError: the set has no targets or no enrollments, or two of its signals would have one name.
    """
    rows, files = read_tse_dir(tse_dir), {}
    if rows[0].target is None or rows[0].enrollment is None:
        raise DataError(f"{tse_dir}: lacks spk1.scp or enroll_spk1.scp, so nothing can be learned from it.")
    for name, entry in named_audio(rows, Path(tse_dir)):
        if files.setdefault(name, entry) != entry:
            raise DataError(f"{tse_dir}: '{name}' would be both {files[name]} and {entry}; rename a key.")
    return files


def named_audio(rows: Sequence[MixtureRow], tse_dir: Path) -> Iterator[tuple[str, str]]:
    """The pairs of ``audio_of`` for rows with targets; an utterance may come several times."""
    for row in rows:
        yield row.key, row.target
        yield mixture_name(row.key), row.mixture
        if isinstance(row.enrollment, str):
            yield enrollment_name(row.key), row.enrollment
    drawn = {row.enrollment.speaker for row in rows if isinstance(row.enrollment, DynamicEnrollment)}
    pool = read_speaker_enrollments(tse_dir / SPEAKER_ENROLLMENTS) if drawn else {}
    for speaker in sorted(drawn & pool.keys()):
        for uid, entry in pool[speaker]:
            yield enrollment_name(uid), entry

"""ESPnet shape files (``key length``) of training and validation sets, from headers alone."""

from pathlib import Path

from espnet_tse.data.audio_files import read_info
from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.data.scp_fields import (
    MIXING_YAML,
    NUM_SAMPLES,
    SPEAKER_ENROLLMENTS,
    is_source_dir,
    read_num_samples,
    read_source_dir,
    read_speaker_enrollments,
    read_tse_dir,
)
from espnet_tse.io.scp import DataError, write_scp


def _source_shapes(directory: Path) -> dict[str, dict[str, int]]:
    """A mixture is as long as its source; an enrollment is at most ``enrollment_s`` of mixing.yaml."""
    paths, _ = read_source_dir(directory)
    lengths = read_num_samples(directory / NUM_SAMPLES)
    first = next(iter(paths))
    limit = round(
        read_mixing_conf(directory / MIXING_YAML).enrollment_s * read_info(paths[first], first).sample_rate
    )
    missing = [key for key in paths if key not in lengths]
    if missing:
        raise DataError(f"{directory / NUM_SAMPLES}: lacks key '{missing[0]}'; run stage 2 (format) again.")
    mixtures = {key: lengths[key] for key in paths}
    # Which utterance enrolls is not known yet; none is longer than the limit.
    return {
        "speech_mix_shape": mixtures,
        "speech_ref1_shape": mixtures,
        "enroll_ref1_shape": {key: limit for key in paths},
    }


def _tse_shapes(directory: Path) -> dict[str, dict[str, int]]:
    rows = read_tse_dir(directory)
    lengths = read_num_samples(directory / NUM_SAMPLES)
    missing = [row.key for row in rows if row.key not in lengths]
    if missing:
        raise DataError(f"{directory / NUM_SAMPLES}: lacks key '{missing[0]}'; run stage 2 (format) again.")
    shapes: dict[str, dict[str, int]] = {"speech_mix_shape": {row.key: lengths[row.key] for row in rows}}
    if rows[0].target is not None:
        shapes["speech_ref1_shape"] = shapes["speech_mix_shape"]
    if rows[0].enrollment is None:
        return shapes
    longest: dict[str, int] = {}  # speaker -> longest enrollment that may be drawn
    if not all(isinstance(row.enrollment, str) for row in rows):
        for speaker, pairs in read_speaker_enrollments(directory / SPEAKER_ENROLLMENTS).items():
            longest[speaker] = max((read_info(path, uid).num_samples for uid, path in pairs), default=0)
    enrollments = {}
    for row in rows:
        if isinstance(row.enrollment, str):
            enrollments[row.key] = read_info(row.enrollment, row.key).num_samples
        else:
            if row.enrollment.speaker not in longest:
                raise DataError(
                    f"{directory / SPEAKER_ENROLLMENTS}: lacks speaker '{row.enrollment.speaker}' of key '{row.key}'; "
                    "add their utterances."
                )
            enrollments[row.key] = longest[row.enrollment.speaker]
    shapes["enroll_ref1_shape"] = enrollments
    return shapes


def write_shapes(directory: Path, output_dir: Path) -> dict[str, int]:
    """Write the shape files of one set.

    Args:
        directory: output of format_data, a TSE or a source directory.
        output_dir: receives ``speech_mix_shape``, ``enroll_ref1_shape``, ``speech_ref1_shape``; lengths
            in samples.
    Returns:
        shape file -> number of keys.
    Raises:
        DataError: a list is missing or incomplete.
    """
    shapes = _source_shapes(directory) if is_source_dir(directory) else _tse_shapes(directory)
    for name, entries in shapes.items():
        write_scp(output_dir / name, entries)
    return {name: len(entries) for name, entries in shapes.items()}

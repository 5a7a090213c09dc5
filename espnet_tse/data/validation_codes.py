"""Checks of tokenized targets: frames against duration, range of the codes, identity of the tokenizer."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from espnet_tse.data.findings import Report
from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.schema.manifest import MANIFEST, read_manifest, sample_rate_in, streams_in
from espnet_tse.schema.stream_spec import CodesSpec, StreamSpec

REDO = "run stage 5 (token) with --force true"


def check_codes(
    report: Report,
    codes_dir: Path | str,
    num_samples: dict[str, int],
    sample_rate: int,
    codec_dir: Path | str | None = None,
    stored_inputs: dict[str, int] | None = None,
) -> None:
    """Check a folder of codes against the audio it was made of.

    Args:
        codes_dir: ``<stream>.scp`` of each stream and ``manifest.json``.
        num_samples: key -> samples of the target (or source utterance).
        sample_rate: of the audio, Hz.
        codec_dir: the tokenizer that should have made them; its manifest is compared.
        stored_inputs: the same of all that the rows hold, by the names of ``stored_inputs.audio_of``; codes that
            hold more than the targets have to hold all of it.
    """
    codes_dir = Path(codes_dir)
    identity = report.check("codec identity of the codes", REDO + " with the codec that training will use")
    identity.num_checked = 1
    identity.note = str(codes_dir)
    try:
        manifest = read_manifest(codes_dir)
        streams, rate = streams_in(manifest), sample_rate_in(manifest)
    except DataError as error:
        identity.offend(MANIFEST, str(error))
        return
    if rate != sample_rate:
        identity.offend(MANIFEST, f"a codec of {rate} Hz, but the audio is at {sample_rate} Hz")
    if codec_dir is not None:
        _compare(identity, manifest, codec_dir)
    for stream, spec in streams.items():
        paths = read_scp(codes_dir / f"{stream}.scp")
        inputs = stored_inputs or {}
        wanted = inputs if inputs.keys() - num_samples.keys() & paths.keys() else num_samples
        _check_stream(report, stream, spec, paths, wanted)


def _compare(identity, manifest: dict, codec_dir: Path | str) -> None:
    """Report where the codes are of another tokenizer than that of ``codec_dir``."""
    try:
        wanted = read_manifest(codec_dir)
    except DataError as error:
        identity.offend(MANIFEST, str(error))
        return
    for name in ("sha256", "fingerprint"):
        if manifest[name] != wanted[name]:
            identity.offend(
                MANIFEST,
                f"{name} of the codes is {manifest[name]}, that of {codec_dir} {wanted[name]}",
            )


def _check_stream(
    report: Report, stream: str, spec: StreamSpec, paths: dict[str, str], num_samples: dict[str, int]
) -> None:
    """Keys, frames and values of one stream."""
    discrete = isinstance(spec, CodesSpec)
    length = "ceil(samples / hop)" if spec.hop_length is not None else f"{spec.num_tokens}"
    keys = report.check(f"{stream}: same keys", REDO + " for the missing keys; it resumes by key")
    frames = report.check(f"{stream}: frames = {length}", REDO + "; the audio has changed since")
    limits = f"ids in 0..{spec.codebook_size - 1}" if discrete else "finite values"
    values = report.check(f"{stream}: {limits}", REDO)
    for key in sorted(num_samples.keys() | paths.keys()):
        keys.num_checked += 1
        if key not in paths:
            keys.offend(key, "has no codes")
            continue
        if key not in num_samples:
            keys.offend(key, "has codes but no audio")
            continue
        frames.num_checked += 1
        try:
            tokens = np.load(paths[key], allow_pickle=False)
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            frames.offend(key, f"'{paths[key]}' cannot be read ({error})")
            continue
        expected = (spec.num_frames(num_samples[key]), spec.num_codebooks if discrete else spec.width)
        if tokens.shape != expected or not np.issubdtype(
            tokens.dtype, np.integer if discrete else np.floating
        ):
            kind = "integers" if discrete else "numbers"
            frames.offend(key, f"{tokens.dtype} {tokens.shape}, expected {kind} {expected}")
            continue
        values.num_checked += 1
        if discrete and tokens.size and (tokens.min() < 0 or tokens.max() >= spec.codebook_size):
            values.offend(key, f"ids from {tokens.min()} to {tokens.max()}")
        elif not discrete and not np.isfinite(tokens).all():
            values.offend(key, "NaN or infinite values")

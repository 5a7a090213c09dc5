"""Checks of tokenized targets: frames against duration, range of the ids, identity of the codec."""

import json
from pathlib import Path

import numpy as np

from espnet_tse.data.findings import Report
from espnet_tse.schema.codec_spec import CodecSpec
from espnet_tse.io.scp import DataError, read_scp

MANIFEST = "manifest.json"
REDO = "run stage 5 (token) again"


def read_manifest(directory: Path | str) -> tuple[dict, CodecSpec]:
    """The identity that tokenization stamped on a folder of codes, and the codec's sizes.

    Raises:
        DataError: missing, not JSON, or without ``sha256``, ``fingerprint`` or ``spec``.
    """
    path = Path(directory) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file, so nobody knows which codec made these codes; {REDO}."
        ) from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not JSON ({error}); {REDO}.") from None
    missing = [name for name in ("sha256", "fingerprint", "spec") if name not in manifest]
    if missing:
        raise DataError(f"{path}: lacks {', '.join(missing)}; {REDO}.")
    try:
        return manifest, CodecSpec(
            **{name: int(manifest["spec"][name]) for name in CodecSpec.__annotations__}
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: 'spec' wants {', '.join(CodecSpec.__annotations__)} ({error!r}).") from None


def check_codes(
    report: Report,
    codes_dir: Path | str,
    num_samples: dict[str, int],
    sample_rate: int,
    codec_dir: Path | str | None = None,
) -> None:
    """Check a folder of codes against the audio it was made of.

    Args:
        codes_dir: ``codes.scp`` and ``manifest.json``.
        num_samples: key -> samples of the target (or source utterance).
        sample_rate: of the audio, Hz.
        codec_dir: the codec that should have made them; its manifest is compared.
    """
    codes_dir = Path(codes_dir)
    identity = report.check("codec identity of the codes", REDO + " with the codec that training will use")
    identity.num_checked = 1
    identity.note = str(codes_dir)
    try:
        manifest, spec = read_manifest(codes_dir)
    except DataError as error:
        identity.offend(MANIFEST, str(error))
        return
    if spec.sample_rate != sample_rate:
        identity.offend(MANIFEST, f"a codec of {spec.sample_rate} Hz, but the audio is at {sample_rate} Hz")
    if codec_dir is not None:
        try:
            wanted, _ = read_manifest(codec_dir)
        except DataError as error:
            identity.offend(MANIFEST, str(error))
        else:
            for name in ("sha256", "fingerprint"):
                if manifest[name] != wanted[name]:
                    identity.offend(
                        MANIFEST,
                        f"{name} of the codes is {manifest[name]}, that of {codec_dir} {wanted[name]}",
                    )
    keys = report.check("codes: same keys", REDO + " for the missing keys; it resumes by key")
    frames = report.check("codes: frames = ceil(samples / hop)", REDO + "; the audio has changed since")
    ids = report.check(f"codes: ids in 0..{spec.codebook_size - 1}", REDO)
    paths = read_scp(codes_dir / "codes.scp")
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
            codes = np.load(paths[key], allow_pickle=False)
        except (OSError, ValueError) as error:
            frames.offend(key, f"'{paths[key]}' cannot be read ({error})")
            continue
        expected = (spec.num_frames(num_samples[key]), spec.num_codebooks)
        if codes.shape != expected or not np.issubdtype(codes.dtype, np.integer):
            frames.offend(key, f"{codes.dtype} {codes.shape}, expected integers {expected}")
            continue
        ids.num_checked += 1
        if codes.size and (codes.min() < 0 or codes.max() >= spec.codebook_size):
            ids.offend(key, f"ids from {codes.min()} to {codes.max()}")

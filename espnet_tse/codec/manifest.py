"""The identity of a tokenizer or an autoencoder: what its manifest says, and the refusal of another one.

Different files go under one public name and give different codes; codes decoded with the wrong one are
noise without an error. So codes and trained systems carry the manifests of what they build on.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.io.scp import DataError
from espnet_tse.schema import CodecSpec
from espnet_tse.schema.stream_spec import StreamSpec, specs_from_json, specs_to_json

FORMAT_VERSION = 2  # 1 was of residual codecs alone: no streams, no sample_rate


def weights_sha256(codec: AbsIdentified) -> str:
    """Hash of every parameter and buffer, by name, shape and bytes; the file format does not matter."""
    digest = hashlib.sha256()
    for name, tensor in sorted(codec.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def make_manifest(codec: AbsIdentified, name: str, licence: str, training: dict) -> dict:
    """Describe a tokenizer or an autoencoder in eval mode.

    Args:
        name: its kind in ``codec/load.py``.
        licence: of the weights, an SPDX name or words.
        training: how the weights came about; JSON values only.
    """
    sizes = (
        {"spec": asdict(codec.spec), "frame_rate": codec.frame_rate} if isinstance(codec, AbsCodec) else {}
    )
    return {
        "format_version": FORMAT_VERSION,
        "codec": name,
        "sha256": weights_sha256(codec),
        **codec.fingerprint(),
        **sizes,
        "sample_rate": codec.sample_rate,
        "streams": specs_to_json(codec.streams),
        "num_parameters": codec.num_parameters(),
        "licence": licence,
        "training": training,
    }


def read_manifest(folder: Path | str) -> dict:
    """``manifest.json`` of a codec folder, or the one stamped on a folder of codes.

    Returns:
        the manifest, with its own path under ``path``.
    Raises:
        DataError: missing, no JSON, without an identity, or a value of another type.
    """
    path = Path(folder) / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file; train or import a codec (stage 4), then encode the targets (stage 5)."
        ) from None
    except ValueError as error:
        raise DataError(f"{path}: no JSON ({error}); write it again with the stage that wrote it.") from None
    if not isinstance(manifest, dict):
        raise DataError(
            f"{path}: holds a {type(manifest).__name__}, want an object; this is no codec manifest."
        )
    version = manifest.get("format_version", 1)
    if not is_number(version):
        raise wrong_type(path, "format_version", version, "a whole number")
    if version > FORMAT_VERSION:
        raise DataError(f"{path}: format {version} is of a later version of this package; update it.")
    sizes = "spec" if version == 1 else "streams"
    lacking = [key for key in ("sha256", "fingerprint", sizes) if key not in manifest]
    if lacking:
        raise DataError(f"{path}: lacks {', '.join(lacking)}; this is no codec manifest.")
    for key in ("sha256", "fingerprint"):
        if not isinstance(manifest[key], str):
            raise wrong_type(path, key, manifest[key], "text")
    if "sample_rate" in manifest and not is_number(manifest["sample_rate"]):
        raise wrong_type(path, "sample_rate", manifest["sample_rate"], "a whole number, Hz")
    check_sizes(path, sizes, manifest[sizes])
    return {**manifest, "path": str(path)}


def is_number(value: object) -> bool:
    """Whether a value is a whole number above 0, as sizes and rates are."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def wrong_type(path: Path, key: str, value: object, wanted: str) -> DataError:
    """That a value of a manifest is of another type."""
    return DataError(
        f"{path}: {key} is {json.dumps(value)}, want {wanted}; write the manifest again with the stage that wrote it."
    )


def check_sizes(path: Path, key: str, sizes: object) -> None:
    """Raise DataError unless ``spec`` holds whole numbers by name, and ``streams`` the like of each stream."""
    blocks = sizes if key == "streams" and isinstance(sizes, dict) else {"": sizes}
    for name, block in blocks.items():
        place = f"{key}: {name}" if name else key
        if not isinstance(block, dict) or not block:
            raise wrong_type(path, place, block, "sizes by name")
        for size, value in block.items():
            optional = key == "streams"  # of hop_length and num_tokens one is null
            if not is_number(value) and not (optional and value is None):
                raise wrong_type(path, f"{place}: {size}", value, "a whole number")


def streams_in(manifest: dict) -> dict[str, StreamSpec]:
    """The streams that a manifest of any format describes.

    Raises:
        DataError: sizes that are none.
    """
    try:
        if "streams" in manifest:
            return specs_from_json(manifest["streams"])
        return {"acoustic": CodecSpec(**manifest["spec"]).stream}
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{manifest.get('path', 'manifest')}: sizes that are none ({error}); write it again."
        ) from None


def sample_rate_in(manifest: dict) -> int:
    """Hz, of a manifest of any format."""
    return manifest["sample_rate"] if "sample_rate" in manifest else manifest["spec"]["sample_rate"]


def check_same_codec(codes_manifest: dict, codec_manifest: dict) -> None:
    """Refuse codes (or a system trained on them) of another codec.

    Raises:
        DataError: names both codecs.
    """
    if codes_manifest["sha256"] == codec_manifest["sha256"]:
        return
    raise DataError(
        f"codec mismatch: {describe(codes_manifest)} was made with another codec than "
        f"{describe(codec_manifest)}. Encode the targets again with this codec (stage 5), "
        "or give the codec they were encoded with."
    )


def describe(manifest: dict) -> str:
    """One line that tells two codecs apart."""
    sizes = ", ".join(f"{name} {describe_stream(spec)}" for name, spec in streams_in(manifest).items())
    return (
        f"{manifest.get('path', 'manifest')} ({manifest.get('codec', 'codec')}: {sizes}; sha256 "
        f"{manifest['sha256'][:12]}, fingerprint {manifest['fingerprint']})"
    )


def describe_stream(spec: StreamSpec) -> str:
    """``8x128, hop 256``, ``1x4096, 32 tokens`` or ``64 wide, hop 320``."""
    length = f"hop {spec.hop_length}" if spec.hop_length is not None else f"{spec.num_tokens} tokens"
    size = f"{spec.width} wide" if hasattr(spec, "width") else f"{spec.num_codebooks}x{spec.codebook_size}"
    return f"{size}, {length}"


def verify_identity(codec: AbsIdentified, manifest: dict) -> None:
    """Refuse weights or code that do not give what the manifest says.

    Raises:
        DataError: other sizes, other weights, or another fingerprint.
    """
    here, there = specs_to_json(codec.streams), specs_to_json(streams_in(manifest))
    if here != there or codec.sample_rate != sample_rate_in(manifest):
        raise DataError(
            f"{manifest['path']}: says {there} at {sample_rate_in(manifest)} Hz, config.yaml builds {here} at "
            f"{codec.sample_rate} Hz."
        )
    found = weights_sha256(codec)
    if found != manifest["sha256"]:
        raise DataError(
            f"{manifest['path']}: model.pth has sha256 {found[:12]}, the manifest says "
            f"{manifest['sha256'][:12]}; the file was changed or exchanged. Import or train the codec again."
        )
    try:
        difference = codec.disagreement(manifest)
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise DataError(
            f"{manifest['path']}: its fingerprint cannot be compared ({error!r}); copy the codec again."
        ) from error
    if difference:
        raise DataError(
            f"{manifest['path']}: the codec {difference}; the weights "
            "are the same, so this version of the package computes something else. "
            "Use the version that made it."
        )

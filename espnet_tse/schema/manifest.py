"""``manifest.json`` of a tokenizer or an autoencoder, and of what is made with it; imports no torch."""

import json
from pathlib import Path

from espnet_tse.io.scp import DataError
from espnet_tse.schema.codec_spec import CodecSpec
from espnet_tse.schema.stream_spec import StreamSpec, specs_from_json

MANIFEST = "manifest.json"
FORMAT_VERSION = 2  # 1 was of residual codecs alone: no streams, no sample_rate


def read_manifest(folder: Path | str) -> dict:
    """``manifest.json`` of a codec folder, or the one stamped on a folder of codes.

    Returns:
        the manifest, with its own path under ``path``.
    Raises:
        DataError: missing, no JSON, without an identity, or a value of another type.
    """
    path = Path(folder) / MANIFEST
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
            # Of a stream's hop_length and num_tokens one is null, and its frames may lie on the edges of hops.
            if not is_number(value) and not (key == "streams" and (value is None or value is True)):
                raise wrong_type(path, f"{place}: {size}", value, "a whole number")


def streams_in(manifest: dict) -> dict[str, StreamSpec]:
    """The streams that a manifest of any format describes.

    Raises:
        DataError: sizes that are none.
    """
    try:
        if "streams" in manifest:
            return specs_from_json(manifest["streams"])
        return {"acoustic": CodecSpec(**{name: int(size) for name, size in manifest["spec"].items()}).stream}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{manifest.get('path', 'manifest')}: sizes that are none ({error}); write it again."
        ) from None


def sample_rate_in(manifest: dict) -> int:
    """Hz, of a manifest of any format.

    Raises:
        DataError: it does not say.
    """
    try:
        return int(manifest["sample_rate"] if "sample_rate" in manifest else manifest["spec"]["sample_rate"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{manifest.get('path', 'manifest')}: no sample rate in Hz ({error!r}); write it again."
        ) from None

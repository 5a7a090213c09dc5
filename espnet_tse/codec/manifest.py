"""The identity of a tokenizer or an autoencoder: what its manifest says, and the refusal of another one.

Different files go under one public name and give different codes; codes decoded with the wrong one are
noise without an error. So codes and trained systems carry the manifests of what they build on.
"""

import hashlib
from dataclasses import asdict

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.codec.abs_identified import AbsIdentified
from espnet_tse.io.scp import DataError
from espnet_tse.schema.manifest import FORMAT_VERSION, sample_rate_in, streams_in
from espnet_tse.schema.stream_spec import StreamSpec, specs_to_json


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


def check_same_codec(codes_manifest: dict, codec_manifest: dict) -> None:
    """Refuse codes (or a system trained on them) of another codec.

    Raises:
        DataError: names both codecs.
    """
    if codes_identity(codes_manifest) == codes_identity(codec_manifest):
        return
    raise DataError(
        f"codec mismatch: {describe(codes_manifest)} was made with another codec than "
        f"{describe(codec_manifest)}. Encode the targets again with this codec (stage 5), "
        "or give the codec they were encoded with."
    )


def check_same_decoder(made_with: dict, codec_manifest: dict) -> None:
    """Refuse waveforms of another codec, or of another decoder of it.

    Raises:
        DataError: names both.
    """
    check_same_codec(made_with, codec_manifest)
    if made_with["sha256"] != codec_manifest["sha256"]:
        raise DataError(
            f"decoder mismatch: {describe(made_with)} was made with another decoder than {describe(codec_manifest)}; name "
            "another --output_dir, or remove the folder."
        )


def codes_identity(manifest: dict) -> str:
    """Hash of the codec whose codes these are: its own, or that of the codec whose decoder it replaces."""
    return manifest.get("training", {}).get("codes_sha256", manifest["sha256"])


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
            f"{manifest['path']}: says {there} at {sample_rate_in(manifest)} Hz, config.yaml builds {here} "
            f"at {codec.sample_rate} Hz."
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

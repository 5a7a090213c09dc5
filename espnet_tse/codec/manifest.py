"""The identity of a codec: what its manifest says, and the refusal of another one.

Different files go under one public name and give different codes; codes decoded with the wrong one are
noise without an error. So codes and trained systems carry the manifest of their codec.
"""

import hashlib
import json
import math
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from espnet_tse.codec.abs_codec import AbsCodec
from espnet_tse.io.scp import DataError

FORMAT_VERSION = 1
FINGERPRINT_S = 1.0  # s of the fixed waveform


def weights_sha256(codec: AbsCodec) -> str:
    """Hash of every parameter and buffer, by name, shape and bytes; the file format does not matter."""
    digest = hashlib.sha256()
    for name, tensor in sorted(codec.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def fixed_waveform(sample_rate: int) -> Tensor:
    """(1, N) chirp with a slow tremolo and a fixed noise: the same on every machine, no file needed."""
    n = torch.arange(int(FINGERPRINT_S * sample_rate), dtype=torch.float64)
    time = n / sample_rate
    chirp = torch.sin(2 * math.pi * (100 * time + 1000 * time.square()))
    # A linear congruence instead of a random generator, whose draws may change between releases.
    noise = ((n * 7919 + 104729) % 65537) / 65537 - 0.5
    return ((chirp * (0.6 + 0.4 * torch.sin(2 * math.pi * 3 * time)) + 0.1 * noise) * 0.1).float()[None]


def fixed_codes(codec: AbsCodec) -> Tensor:
    """Codes (K, T) of the fixed waveform."""
    device = codec.codebooks.device
    waveform = fixed_waveform(codec.spec.sample_rate).to(device)
    return codec.encode(waveform, torch.tensor([waveform.size(1)], device=device)).values[0].cpu()


def make_manifest(codec: AbsCodec, name: str, licence: str, training: dict) -> dict:
    """Describe a codec in eval mode.

    Args:
        name: its kind in ``codec/load.py``.
        licence: of the weights, an SPDX name or words.
        training: how the weights came about; JSON values only.
    """
    codes = fixed_codes(codec)
    return {
        "format_version": FORMAT_VERSION,
        "codec": name,
        "sha256": weights_sha256(codec),
        "fingerprint": hashlib.sha256(codes.to(torch.int32).numpy().tobytes()).hexdigest()[:16],
        "fingerprint_codes": codes[0].tolist(),
        "spec": asdict(codec.spec),
        "frame_rate": codec.frame_rate,
        "num_parameters": sum(p.numel() for p in codec.parameters()) + codec.codebooks.numel(),
        "licence": licence,
        "training": training,
    }


def read_manifest(folder: Path | str) -> dict:
    """``manifest.json`` of a codec folder, or the one stamped on a folder of codes.

    Returns:
        the manifest, with its own path under ``path``.
    Raises:
        DataError: missing, no JSON, or without an identity.
    """
    path = Path(folder) / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file; train or import a codec (stage 4), then encode the targets (stage 5)."
        ) from None
    except ValueError as error:
        raise DataError(f"{path}: no JSON ({error}); make it again with the stage that wrote it.") from None
    lacking = [key for key in ("sha256", "fingerprint", "spec") if key not in manifest]
    if lacking:
        raise DataError(f"{path}: lacks {', '.join(lacking)}; this is no codec manifest.")
    return {**manifest, "path": str(path)}


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
    spec = manifest["spec"]
    return (
        f"{manifest.get('path', 'manifest')} ({manifest.get('codec', 'codec')} {spec['num_codebooks']}x"
        f"{spec['codebook_size']}, hop {spec['hop_length']}, sha256 {manifest['sha256'][:12]}, "
        f"fingerprint {manifest['fingerprint']})"
    )


def verify_codec(codec: AbsCodec, manifest: dict) -> None:
    """Refuse weights or code that do not give what the manifest says.

    Raises:
        DataError: other sizes, other weights, or other codes of the fixed waveform.
    """
    if asdict(codec.spec) != manifest["spec"]:
        raise DataError(
            f"{manifest['path']}: says {manifest['spec']}, config.yaml builds {asdict(codec.spec)}."
        )
    found = weights_sha256(codec)
    if found != manifest["sha256"]:
        raise DataError(
            f"{manifest['path']}: model.pth has sha256 {found[:12]}, the manifest says "
            f"{manifest['sha256'][:12]}; the file was changed or exchanged. Import or train the codec again."
        )
    # Another device may round a few nearest neighbours differently; another codec gives chance agreement.
    expected = torch.tensor(manifest["fingerprint_codes"])
    agreement = (fixed_codes(codec)[0] == expected).float().mean().item()
    if agreement < 0.9:
        raise DataError(
            f"{manifest['path']}: the codec gives {agreement:.0%} of the fingerprint's codes; the weights "
            "are the same, so this version of the package computes something else. "
            "Use the version that made it."
        )

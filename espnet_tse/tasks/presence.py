"""Telling whether the enrolled voice is in a mixture: what for that comes with the package and with a system."""

import json
from pathlib import Path

import torch

from espnet_tse.extractor.speaker_ge2e import SpeakerGE2E, SpeakerGE2EConfig
from espnet_tse.io.scp import DataError
from espnet_tse.schema.manifest import MANIFEST
from espnet_tse.schema.presence import PresenceThreshold
from espnet_tse.tasks.shipped import BASE
from espnet_tse.tasks.weights import DEFAULT_CHECKPOINT, read_weights

PRESENCE = "presence"  # key in a manifest
PREFIX = "extractor.speaker_encoder."  # of its weights in the packaged system, which hears enrollments by it


def packaged_speaker_encoder(device: torch.device | str) -> SpeakerGE2E:
    """GE2E with the weights that come with the package."""
    weights = read_weights(BASE / DEFAULT_CHECKPOINT, "cpu")
    encoder = SpeakerGE2E(SpeakerGE2EConfig())
    encoder.load_state_dict(
        {name.removeprefix(PREFIX): value for name, value in weights.items() if name.startswith(PREFIX)}
    )
    return encoder.to(device).eval()


def read_threshold(folder: Path) -> PresenceThreshold | None:
    """What the manifest of a packed system says; None where it has none, or says nothing.

    Raises:
        DataError: what it says is no threshold.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8")).get(PRESENCE)
        return None if said is None else PresenceThreshold.from_json(said)
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{path}: {PRESENCE}: {error}; calibrate the system again.") from None

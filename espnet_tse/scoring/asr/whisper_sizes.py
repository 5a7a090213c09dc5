"""How large Whisper models are, as published."""

import re

from espnet_tse.scoring.asr.option import WHISPER_KINDS, AsrSpec

# Size -> parameters, from the README of openai-whisper 20250625.
PUBLISHED_PARAMETERS = {
    "tiny": 39_000_000,
    "base": 74_000_000,
    "small": 244_000_000,
    "medium": 769_000_000,
    "large": 1_550_000_000,
    "turbo": 809_000_000,
}


def published_parameters(spec: AsrSpec) -> int | None:
    """Parameters of a Whisper by the name of its weights ("base.en.pt", "whisper-large-v3-turbo"); None of other models.

    What a file of that name holds is not looked at.
    """
    if spec.kind not in WHISPER_KINDS or spec.weights is None:
        return None
    name = re.sub(r"^(faster-)?whisper-", "", spec.weights.name.removesuffix(".pt")).removesuffix(".en")
    name = re.sub(r"^large-v\d+(-turbo)?$", lambda found: "turbo" if found[1] else "large", name)
    return PUBLISHED_PARAMETERS.get(name)

"""The mark of a finished preparation: JSON with the digest of what it was made from."""

import json
from pathlib import Path


def is_marked(mark: Path, digest: str) -> bool:
    """Whether ``mark`` has this ``sha256``; one that is not there has none, nor one that a power cut left empty."""
    try:
        return json.loads(mark.read_text(encoding="utf-8"))["sha256"] == digest
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False

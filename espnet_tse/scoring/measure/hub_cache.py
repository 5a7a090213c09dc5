"""Snapshots in the local cache of the Hugging Face hub: found by their layout, never downloaded."""

import os
from pathlib import Path

# Set for every job: libraries that would ask the hub fail at once instead.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def cache_folder() -> Path:
    """Where huggingface_hub keeps its files, according to the environment variables it reads."""
    if "HF_HUB_CACHE" in os.environ:
        return Path(os.environ["HF_HUB_CACHE"])
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("HF_HOME", cache / "huggingface")) / "hub"


def hub_snapshot(hub_id: str) -> Path | None:
    """Folder of the snapshot that ``main`` of ``owner/name`` points to; None when it is not there."""
    repository = cache_folder() / f"models--{hub_id.replace('/', '--')}"
    reference = repository / "refs" / "main"
    if not reference.is_file():
        return None
    snapshot = repository / "snapshots" / reference.read_text(encoding="utf-8").strip()
    return snapshot if snapshot.is_dir() else None

"""Configurations of earlier releases, which knew one codec and one front-end, as those of today."""

import logging
from typing import Any

# Option of then -> mapping and name of today.
MOVED = {
    "codec_dir": ("tokenizers", "acoustic"),
    "front_end_dir": ("pretrained", "front_end"),
    "train_codes": ("train_tokens", "acoustic"),
    "valid_codes": ("valid_tokens", "acoustic"),
}


def moved_options(config: dict[str, Any]) -> list[str]:
    """Put the values of earlier options where they belong today, in place; the older options that had one."""
    moved = []
    for option, (mapping, name) in MOVED.items():
        value = config.pop(option, None)
        if value is not None:
            config[mapping] = {**(config.get(mapping) or {}), name: value}
            moved.append(option)
    return moved


def announce_moved(options: list[str]) -> None:
    """One line on what earlier options have become."""
    for option in options:
        mapping, name = MOVED[option]
        logging.info(f"--{option} X is short for --{mapping} {name}=X")

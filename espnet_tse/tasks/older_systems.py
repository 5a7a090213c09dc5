"""Systems of earlier releases: one codec, one front-end, batch norm in a speaker encoder."""

import logging
import sys
from pathlib import Path
from typing import Any

from espnet_tse.extractor.speaker_resnet34 import norm_of
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.inputs import MOVED
from espnet_tse.tasks.weights import read_weights


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
    """One line on what earlier options have become; by print, for ESPnet sets up logging after the options."""
    for option in options:
        mapping, name = MOVED[option]
        print(f"--{option} X is short for --{mapping} {name}=X", file=sys.stderr)


def name_norm(config: dict, weights: Path) -> None:
    """Fill in the norm of a speaker ResNet where ``config`` is of the time when there was only batch norm."""
    if config.get("speaker_encoder") != "resnet34" or "norm" in (config.get("speaker_encoder_conf") or {}):
        return
    try:
        names = read_weights(weights, "meta")
    except DataError:
        raise
    except Exception:  # damaged; reported where the weights are fitted
        return
    norm = norm_of(names)
    config["speaker_encoder_conf"] = {**(config.get("speaker_encoder_conf") or {}), "norm": norm}
    if norm == "batch":
        logging.warning(
            f"{weights}: was trained with batch norm, whose statistics are kept as they are; systems trained "
            "now have group norm. Train it again to be without, or add speaker_encoder_conf: {norm: batch} "
            "to config.yaml."
        )

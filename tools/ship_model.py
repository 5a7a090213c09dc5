#!/usr/bin/env python3
"""A trained system -> the folder that comes with the package: an archive of `espnet-tse pack`, in half precision.

tools/ship_model.py exp/tse_magnitude_mask_small [espnet_tse/pretrained/magnitude_mask_base]
README.md of the folder, the card, is written by hand and stays. tools/calibrate_presence.py then finds from where on an output has
the enrolled voice.
"""

import argparse
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import torch

from espnet_tse.io.command_line import run_command
from espnet_tse.io.files import sha256_of, write_json, write_tensors
from espnet_tse.tasks.checkpoint import DEFAULT_CHECKPOINT, load_model
from espnet_tse.tasks.packing import pack
from espnet_tse.tasks.shipped import BASE


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("system", type=Path, help="exp/tse_... folder")
    parser.add_argument("folder", type=Path, nargs="?", default=BASE, help=f"default: {BASE}")
    args = parser.parse_args()
    return run_command("ship_model", lambda: ship(args.system, args.folder))


def ship(system: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name) / "system.zip"
        pack(system, archive)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").unlink(missing_ok=True)  # it is of the weights that were there
        with zipfile.ZipFile(archive) as packed:
            weights = torch.load(packed.open(DEFAULT_CHECKPOINT), weights_only=True)
            manifest = json.loads(packed.read("manifest.json"))
            (folder / "config.yaml").write_bytes(packed.read("config.yaml"))
    write_tensors(folder / DEFAULT_CHECKPOINT, {key: value.half() for key, value in weights.items()})
    digest = sha256_of(folder / DEFAULT_CHECKPOINT)
    model = load_model(folder)
    manifest |= {
        "weights_sha256": digest,
        "files_sha256": {DEFAULT_CHECKPOINT: digest},
        "precision": "float16",
        "sample_rate": model.sample_rate,
        "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
        "licence": "Apache-2.0; see README.md for the data and the speaker encoder",
    }
    write_json(folder / "manifest.json", manifest)
    print(
        f"{folder}: {(folder / DEFAULT_CHECKPOINT).stat().st_size / 1e6:.1f} MB, {manifest['num_parameters']} parameters"
    )


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""From where on is the enrolled voice in a system's output? Found on a development set, its errors on a test set.

In egs2/mini_librispeech/tse1, after stages 1 and 2:

    ../../../tools/calibrate_presence.py FOLDER dump/raw/dev dump/raw/test

FOLDER is one that comes with the package (tools/ship_model.py makes it), or another with the manifest.json of a packed
system; the threshold is written there, under "presence". The sets want utt2interferer beside the lists of every TSE directory.
"""

import argparse
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from espnet_tse.io.command_line import run_command
from espnet_tse.io.files import write_json
from espnet_tse.io.scp import DataError
from espnet_tse.schema.manifest import MANIFEST
from espnet_tse.tasks.extractor import Extractor
from espnet_tse.tasks.presence import PRESENCE
from espnet_tse.tasks.presence_calibration import ABSENT, calibrate


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="of the system, with its manifest.json")
    parser.add_argument("dev", type=Path, help="set that the threshold is of")
    parser.add_argument("test", type=Path, help="set that the error rates are of")
    parser.add_argument(
        "--absent", type=int, default=ABSENT, help="rows a mixture that are enrolled by third speakers"
    )
    parser.add_argument("--num_threads", type=int, default=1, help="CPU threads")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    torch.set_num_threads(args.num_threads)
    return run_command("calibrate_presence", lambda: write_threshold(args))


def write_threshold(args: argparse.Namespace) -> None:
    manifest = args.folder / MANIFEST
    if not manifest.is_file():
        raise DataError(
            f"{manifest}: no such file; the threshold is kept in the manifest of a packed system: `espnet-tse pack "
            f"--model {args.folder} --output SYSTEM.zip`, unpack it, and name that folder."
        )
    content = json.loads(manifest.read_text(encoding="utf-8"))
    threshold = calibrate(Extractor.from_pretrained(args.folder), args.dev, args.test, args.absent)
    write_json(manifest, {**content, PRESENCE: asdict(threshold)})
    print(f"{manifest}: {threshold}")


if __name__ == "__main__":
    sys.exit(main())

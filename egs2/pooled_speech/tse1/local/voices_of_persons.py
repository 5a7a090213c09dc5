#!/usr/bin/env python3
"""spk2utt of a training set -> lines "person voice": the speakers themselves, and stage 2's copies of them."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.data.perturbed_voices import persons_of
from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.scp import read_scp


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--spk2utt", type=Path, required=True, help="of dump/raw/<set>")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)

    def work() -> None:
        for voice, person in persons_of(read_scp(args.spk2utt)).items():
            print(person, voice)

    return run_command("voices_of_persons", work)


if __name__ == "__main__":
    sys.exit(main())

"""Pack a trained system into one archive."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(prog="espnet-tse pack", description="One archive of a trained system.")
    parser.add_argument("--model", required=True, help="exp/tse_... folder")
    parser.add_argument("--output", required=True, help="archive to write, .zip")
    parser.add_argument("--checkpoint", default="valid.loss.ave.pth", help="file name in the folder")
    parser.add_argument("--extra", nargs="*", default=[], help="further files, e.g. RESULTS.md")
    parser.add_argument(
        "--licence", help="of the weights, for the model card: an SPDX name as Apache-2.0, or words"
    )
    parser.add_argument(
        "--about", type=Path, help="Markdown for the model card: training data and their licences"
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    from espnet_tse.tasks.packing import pack

    extra = tuple(Path(path) for path in args.extra)
    return run_command(
        "espnet-tse pack",
        lambda: pack(Path(args.model), Path(args.output), args.checkpoint, extra, args.licence, args.about),
    )


if __name__ == "__main__":
    sys.exit(main())

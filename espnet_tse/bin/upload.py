"""Upload a packed system to the Hugging Face hub."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse upload",
        description="A packed system becomes the content of a repository of the Hugging Face hub (pip install -e '.[hub]').",
    )
    parser.add_argument("archive", help="of espnet-tse pack, exp/tse_....zip")
    parser.add_argument("--repo", required=True, help="owner/name; it is made if it is not there")
    parser.add_argument(
        "--private", action="store_true", help="make a private repository; one that is there stays what it is"
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    from espnet_tse.tasks.uploading import upload

    return run_command(
        "espnet-tse upload", lambda: print(upload(Path(args.archive), args.repo, args.private)) or None
    )


if __name__ == "__main__":
    sys.exit(main())

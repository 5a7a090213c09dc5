"""Drop too short and too long utterances from all lists of a formatted directory, in place."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="output of format_data")
    parser.add_argument("--min_duration_s", type=float, default=0.1)
    parser.add_argument("--max_duration_s", type=float, default=20.0)
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if not args.data_dir.is_dir():
        parser.error(f"--data_dir: {args.data_dir} is no directory")
    if not 0 <= args.min_duration_s <= args.max_duration_s:
        parser.error(
            f"wants 0 <= --min_duration_s <= --max_duration_s, got {args.min_duration_s} "
            f"and {args.max_duration_s}"
        )

    # Warnings first on their line: stage 3 looks for them.
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", stream=sys.stdout)
    from espnet_tse.data.length_filter import filter_by_length

    def work() -> None:
        counts = filter_by_length(args.data_dir, args.min_duration_s, args.max_duration_s)
        summary = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(f"{args.data_dir}: {args.min_duration_s:g} to {args.max_duration_s:g} s: {summary}")

    return run_command("filter_length", work)


if __name__ == "__main__":
    sys.exit(main())

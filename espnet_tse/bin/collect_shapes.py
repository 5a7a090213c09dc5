"""Stage 6: shape files of the training and validation sets, from utt2num_samples and audio headers."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--train_data_dir", type=Path, required=True)
    parser.add_argument("--valid_data_dir", type=Path, required=True)
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="receives train/*_shape and valid/*_shape"
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    sets = {"train": args.train_data_dir, "valid": args.valid_data_dir}
    for directory in sets.values():
        if not directory.is_dir():
            parser.error(f"{directory}: no such directory")

    from espnet_tse.data.shapes import write_shapes

    def work() -> None:
        for name, directory in sets.items():
            counts = write_shapes(directory, args.output_dir / name)
            summary = ", ".join(f"{count} in {file}" for file, count in counts.items())
            print(f"{args.output_dir / name}: {summary}")

    return run_command("collect_shapes", work)


if __name__ == "__main__":
    sys.exit(main())

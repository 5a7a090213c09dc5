"""Validate data directories of target speaker extraction: lists, speakers, enrollments, audio, codes."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse validate",
        description=__doc__,
        epilog="exit code: 0 valid, 1 errors were found, 2 wrong usage",
    )
    parser.add_argument("dirs", type=Path, nargs="+", metavar="DIR", help="TSE or source directory")
    parser.add_argument(
        "--sample_rate", type=int, help="Hz that all audio must have (default: of the first file)"
    )
    parser.add_argument(
        "--train", type=Path, metavar="DIR", help="training set: no other DIR may share its speakers"
    )
    parser.add_argument(
        "--codes", type=Path, action="append", metavar="DIR", help="codes of DIR; once for each DIR"
    )
    parser.add_argument("--codec", type=Path, metavar="DIR", help="the codec that must have made the codes")
    parser.add_argument(
        "--audio", choices=("full", "header"), default="full", help="read all samples, or headers only"
    )
    parser.add_argument(
        "--sum_error_db", type=float, default=-35.0, help="largest residual of mixture - sum of sources, dB"
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    for directory in [*args.dirs, *([args.train] if args.train else []), *(args.codes or [])]:
        if not directory.is_dir():
            parser.error(f"{directory}: no such directory")
    if args.codes and len(args.codes) != len(args.dirs):
        parser.error(f"--codes is given {len(args.codes)} times for {len(args.dirs)} directories")
    if args.codec and not args.codes:
        parser.error("--codec wants --codes")

    from espnet_tse.data.validation import validate_dir
    from espnet_tse.data.validation_audio import AudioLimits
    from espnet_tse.io.scp import DataError

    limits = AudioLimits(args.sample_rate, args.audio == "full", args.sum_error_db)
    num_errors = 0
    for number, directory in enumerate(args.dirs):
        train = args.train if args.train and directory.resolve() != args.train.resolve() else None
        codes = args.codes[number] if args.codes else None
        try:
            report = validate_dir(directory, limits, train, codes, args.codec)
        except (DataError, OSError) as error:
            print(f"{directory}: ERROR: {error}")
            num_errors += 1
            continue
        print(report.render())
        num_errors += report.num_errors
    return 1 if num_errors else 0


if __name__ == "__main__":
    sys.exit(main())

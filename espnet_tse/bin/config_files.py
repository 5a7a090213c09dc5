"""The files that YAMLs consist of, and what they say about one key; for the done marks of the stages."""

import argparse
import sys
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="config_files",
        description=__doc__,
        epilog="Prints a line '<YAML><tab><file>' for each YAML itself and for each of its bases; with --value only the "
        "value of that key in each YAML, an empty line where it has none.",
    )
    parser.add_argument("yaml", nargs="+", help="of a system, a codec or decoding")
    parser.add_argument("--value", metavar="KEY", help="print what the YAMLs, with their bases, say about this key")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    return run_command(parser.prog, lambda: show(args))


def show(args: argparse.Namespace) -> None:
    from espnet_tse.io.yaml_chain import read_chain

    for path in args.yaml:
        chain = read_chain(path)
        if args.value is None:
            print("\n".join(f"{path}\t{file}" for file in chain.files))
        else:
            value = chain.content.get(args.value)
            print("" if value is None else value)


if __name__ == "__main__":
    sys.exit(main())

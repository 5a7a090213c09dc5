"""The recordings of a noise corpus as a list, for noise_scp of mixing.yaml."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--corpus", required=True, help="musan or demand")
    parser.add_argument("--corpus_dir", type=Path, required=True, help="where it is unpacked")
    parser.add_argument("--output", type=Path, required=True, help="the list, lines 'key path'")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)

    def work() -> None:
        from espnet_tse.data.noise_corpora import noise_recordings
        from espnet_tse.io.scp import write_scp

        recordings = noise_recordings(args.corpus, args.corpus_dir)
        write_scp(args.output, {key: path.resolve() for key, path in recordings.items()})

    return run_command("list_noise", work)


if __name__ == "__main__":
    sys.exit(main())

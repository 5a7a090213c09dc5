"""A test set -> the same mixtures in noise of MUSAN, DEMAND or a list of recordings, at a given ratio."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--data_dir", type=Path, required=True, help="data/<set> or dump/raw/<set>")
    parser.add_argument("--corpus", help="musan or demand, with --corpus_dir")
    parser.add_argument("--corpus_dir", type=Path, help="where it is unpacked")
    parser.add_argument("--noise_scp", type=Path, help="instead: recordings of noise, lines 'key path'")
    parser.add_argument("--snr_db", type=float, required=True, help="target to noise, ratio of powers")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of noise")
    parser.add_argument("--output_dir", type=Path, required=True, help="data/<new set>")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if (args.corpus is None) == (args.noise_scp is None) or (args.corpus is None) != (
        args.corpus_dir is None
    ):
        parser.error("give --corpus with --corpus_dir, or --noise_scp")
    if not -100.0 <= args.snr_db <= 100.0:
        parser.error(f"--snr_db {args.snr_db}: want dB from -100 to 100, as 10")
    if args.seed < 0:
        parser.error("--seed must be at least 0")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")

    def work() -> None:
        from espnet_tse.data.noise_corpora import noise_recordings
        from espnet_tse.data.noisy_set import write_noisy_set
        from espnet_tse.io.replaced_folder import check_replaceable
        from espnet_tse.io.scp import read_filled_scp

        if args.noise_scp:
            check_replaceable(args.output_dir, [args.noise_scp])
        noises = (
            noise_recordings(args.corpus, args.corpus_dir) if args.corpus else read_filled_scp(args.noise_scp)
        )
        rows = write_noisy_set(args.data_dir, noises, args.snr_db, args.output_dir, args.seed)
        logging.info(
            f"{args.output_dir}: {rows} mixtures at {args.snr_db:g} dB, of {len(noises)} recordings of noise"
        )

    return run_command("add_noise", work)


if __name__ == "__main__":
    sys.exit(main())

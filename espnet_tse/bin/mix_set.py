"""A source directory -> a fixed set of mixtures, as its mixing.yaml says."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument("--source_dir", type=Path, required=True, help="wav.scp, utt2spk, mixing.yaml")
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--rows", type=int, help="mixtures to make")
    meaning = (
        "instead, for a training on stored latents: each utterance is the target once a pass; only mixtures are "
        "written, targets and the enrollments that training draws are the source's own files"
    )
    size.add_argument("--passes", type=int, help=meaning)
    parser.add_argument(
        "--crop_s", type=float, help="longest mixture in seconds; without it targets are whole"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all draws")
    parser.add_argument("--output_dir", type=Path, required=True, help="data/<set>")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if any(value is not None and value <= 0 for value in (args.rows, args.passes, args.crop_s)):
        parser.error("--rows, --passes and --crop_s must be above 0")
    if args.seed < 0:
        parser.error("--seed must be at least 0")
    if args.passes and args.crop_s:
        parser.error("--passes makes whole mixtures, which training cuts; leave out --crop_s")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")

    def work() -> None:
        from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
        from espnet_tse.data.mixed_set import write_mixed_set, write_training_set
        from espnet_tse.data.mixing_conf import read_mixing_conf

        conf = read_mixing_conf(args.source_dir / "mixing.yaml")
        dataset = DynamicMixingDataset(args.source_dir, conf, args.crop_s, args.seed, cache_audio=False)
        if args.passes:
            write_training_set(dataset, args.passes, args.output_dir)
            logging.info(f"{args.output_dir}: {args.passes * len(dataset)} mixtures")
            return
        absent = write_mixed_set(dataset, args.rows, args.output_dir)
        logging.info(f"{args.output_dir}: {args.rows} mixtures, {absent} of them without their target")

    return run_command("mix_set", work)


if __name__ == "__main__":
    sys.exit(main())

"""Stage 2: one sample rate, mono, checked audio; files that are right already are used in place."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def _factors(value: str) -> tuple[float, ...]:
    """``"0.9 1.1"``; 1.0 is always there and may be named."""
    try:
        factors = [float(part) for part in value.split()]
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{value}' is not a list of numbers") from None
    if any(not 0.5 <= factor <= 2.0 for factor in factors):
        raise argparse.ArgumentTypeError(f"'{value}': factors lie in 0.5..2")
    return tuple(factor for factor in dict.fromkeys(factors) if factor != 1.0)


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        description=__doc__,
        epilog="Without --shard and --merge, everything is done at once. Run the shards with the same "
        "options as the merge.",
    )
    parser.add_argument("--data_dir", type=Path, required=True, help="TSE or source directory")
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--sample_rate", type=int, default=16000, help="Hz")
    parser.add_argument(
        "--audio_format", choices=("flac", "wav"), default="flac", help="of files that are rewritten"
    )
    parser.add_argument("--channel", type=int, default=0, help="which channel of files with several")
    perturbations = {
        "speed": "copies at other speeds",
        "formant": "copies with other formants, at every speed",
    }
    for name, what in perturbations.items():
        parser.add_argument(
            f"--{name}_perturb_factors", type=_factors, default=(), metavar='"0.9 1.1"', help=what
        )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--shard", metavar="J/N", help="format only this part of the keys")
    group.add_argument("--merge", type=int, metavar="N", help="join the N shards")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if not args.data_dir.is_dir():
        parser.error(f"--data_dir: {args.data_dir} is no directory")
    if args.sample_rate < 1 or args.channel < 0 or (args.merge is not None and args.merge < 1):
        parser.error("--sample_rate and --merge must be at least 1, --channel at least 0")
    if args.data_dir.resolve() == args.output_dir.resolve():
        parser.error("--output_dir must not be --data_dir")
    import logging

    from espnet_tse.data.formatting import FormatConf, format_shard, merge_shards
    from espnet_tse.io.scp import DataError
    from espnet_tse.io.shard import parse_shard

    try:
        shard = parse_shard(args.shard) if args.shard else (1, 1)
    except DataError as error:
        parser.error(str(error))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")
    conf = FormatConf(
        args.sample_rate,
        args.audio_format,
        args.channel,
        args.speed_perturb_factors,
        args.formant_perturb_factors,
    )

    def work() -> None:
        if args.merge is None:
            format_shard(args.data_dir, args.output_dir, conf, *shard)
        if args.shard is None:
            num_keys = merge_shards(args.data_dir, args.output_dir, conf, args.merge or 1)
            logging.info(f"{args.output_dir}: {num_keys} keys")

    return run_command("format_data", work)


if __name__ == "__main__":
    sys.exit(main())

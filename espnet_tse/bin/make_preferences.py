"""Pairs of a better and a worse output of a trained system, for Direct Preference Optimisation."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse make-preferences",
        description="Draw candidates of each mixture from a trained system, rank them by the scorer, and write the best and the "
        "worst as a data directory that trains with model_conf: {dpo_beta: ...}.",
    )
    parser.add_argument("--model", required=True, help="exp/tse_... folder of a system of model gentse")
    parser.add_argument("--data_dir", required=True, help="formatted set: dump/raw/<set>")
    meaning = "codes of its targets, as semantic=dump/codes_units_mini/train"
    parser.add_argument("--tokens", nargs="+", required=True, metavar="NAME=FOLDER", help=meaning)
    parser.add_argument("--output_dir", required=True, help="the directory to write")
    parser.add_argument(
        "--num_utterances", type=int, default=200, help="mixtures, at most (default: %(default)s)"
    )
    parser.add_argument(
        "--candidates", type=int, default=32, help="drawn for each mixture (default: %(default)s)"
    )
    parser.add_argument("--top_k", type=int, default=16, help="tokens to draw from (default: %(default)s)")
    meaning = "metric of the scorer, or METRIC=WEIGHT,METRIC=WEIGHT (default: %(default)s)"
    parser.add_argument("--score", default="dnsmos_ovrl", help=meaning)
    meaning = "least difference of a pair's scores; below, it is a tie (default: %(default)s)"
    parser.add_argument("--min_margin", type=float, default=1e-3, help=meaning)
    parser.add_argument("--model_dir", default="", help="weights of metrics, as of espnet-tse score")
    parser.add_argument("--seed", type=int, default=0, help="of all draws (default: %(default)s)")
    parser.add_argument("--nj", type=int, default=1, help="processes that score (default: %(default)s)")
    parser.add_argument(
        "--num_threads", type=int, default=1, help="CPU threads that draw (default: %(default)s)"
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if args.nj < 1 or args.num_threads < 1:
        parser.error("--nj and --num_threads want positive numbers")
    return run_command(parser.prog, lambda: run(args, parser))


def run(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    announce("loading PyTorch")
    import logging

    import torch

    from espnet_tse.io.choices import checked
    from espnet_tse.tasks.inputs import pair_of
    from espnet_tse.tasks.preference_conf import PreferenceConf
    from espnet_tse.tasks.preferences import make_preferences

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
    )
    torch.set_num_threads(args.num_threads)
    tokens: dict[str, str] = {}
    for word in args.tokens:
        tokens |= pair_of(word, "tokens")
    names = ("num_utterances", "candidates", "top_k", "score", "min_margin", "seed", "model_dir")
    try:
        conf = checked(PreferenceConf, {name: getattr(args, name) for name in names}, "preferences")
    except ValueError as error:
        parser.error(str(error))
    counts = make_preferences(
        Path(args.model), Path(args.data_dir), tokens, Path(args.output_dir), conf, args.nj
    )
    logging.info(
        f"{args.output_dir}: {counts['pairs']} pairs of {counts['utterances']} mixtures, {counts['ties']} ties dropped"
    )


if __name__ == "__main__":
    sys.exit(main())

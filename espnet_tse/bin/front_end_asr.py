"""Word error rates with and without an extractor in front of a recogniser, in four conditions (arXiv:2603.12837)."""

import argparse
import math
import re
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse front-end-asr",
        description="Word error rates with and without an extractor in front of a recogniser: mixtures, clean single talkers, "
        "these in noise and in rooms; writes a table and a figure over the number of parameters.",
    )
    parser.add_argument(
        "--data_dir", required=True, type=Path, help="formatted set with text_spk1: dump/raw/<set>"
    )
    meaning = "a trained system, several times: exp/tse_... folder, packed .zip, or Hugging Face id"
    parser.add_argument("--system", action="append", required=True, metavar="NAME=MODEL", help=meaning)
    meaning = "a recogniser, several times: as --asr of espnet-tse score, without 'external'"
    parser.add_argument("--asr", action="append", required=True, help=meaning)
    parser.add_argument(
        "--output_dir", required=True, type=Path, help="inputs, estimates, front_end_asr.json, .md and .png"
    )
    meaning = "noise recordings (default: stationary noise with the long-term spectrum of the targets)"
    parser.add_argument("--noise_scp", type=Path, help=meaning)
    parser.add_argument("--snr_db", type=float, default=5.0, help="target to noise (default: %(default)s)")
    meaning = "impulse responses (default: a direct path, then decaying noise)"
    parser.add_argument("--rir_scp", type=Path, help=meaning)
    meaning = "of the decaying noise: seconds for 60 dB (default: %(default)s)"
    parser.add_argument("--rt60_s", type=float, default=0.4, help=meaning)
    parser.add_argument("--seed", type=int, default=0, help="of noises and rooms (default: %(default)s)")
    parser.add_argument("--inference_config", help="decoding YAML of all systems")
    parser.add_argument("--checkpoint", help="file name in each system's folder")
    parser.add_argument("--device", default="cpu", help="of the systems: cpu, cuda, cuda:1 ...")
    parser.add_argument("--num_threads", type=int, default=1, help="CPU threads that extract")
    parser.add_argument("--model_dir", type=Path, help="weights of recognisers, as of espnet-tse score")
    parser.add_argument("--nj", type=int, default=1, help="processes that recognise (default: %(default)s)")
    return parser


def systems_of(parser: CommandLine, words: Sequence[str]) -> dict[str, str]:
    """Name -> place; exit code 2 for what is not NAME=MODEL with a name of its own."""
    systems = {}
    for word in words:
        name, _, place = word.partition("=")
        if not (re.fullmatch(r"[\w+-][\w.+-]*", name) and place) or name in systems or name == "none":
            parser.error(
                f"--system {word}: want NAME=MODEL with a name of its own, other than 'none', of letters, digits and . _ + -"
            )
        systems[name] = place
    return systems


def check_numbers(parser: CommandLine, args: argparse.Namespace) -> None:
    if not math.isfinite(args.snr_db):
        parser.error(f"--snr_db {args.snr_db}: want a number of dB")
    if not 0.01 <= args.rt60_s <= 20:
        parser.error(f"--rt60_s {args.rt60_s}: want seconds, 0.01 to 20")
    if args.seed < 0:
        parser.error("--seed: want 0 or more")
    if args.nj < 1 or args.num_threads < 1:
        parser.error("--nj and --num_threads want positive numbers")


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    systems = systems_of(parser, args.system)
    check_numbers(parser, args)
    return run_command(parser.prog, lambda: run(args, systems))


def run(args: argparse.Namespace, systems: dict[str, str]) -> None:
    announce("loading PyTorch")
    import logging

    import torch

    from espnet_tse.tasks.front_end_asr import FrontEnds, Recognition, evaluate
    from espnet_tse.tasks.listening_conditions import SceneConf

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
    )
    torch.set_num_threads(args.num_threads)
    table = evaluate(
        args.data_dir,
        FrontEnds(systems, args.inference_config, args.checkpoint, args.device),
        Recognition(tuple(args.asr), args.model_dir, args.nj),
        SceneConf(args.snr_db, args.rt60_s, args.noise_scp, args.rir_scp, args.seed),
        args.output_dir,
    )
    print(table, end="")


if __name__ == "__main__":
    sys.exit(main())

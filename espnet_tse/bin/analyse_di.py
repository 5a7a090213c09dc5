"""How much of what a system changes in a spectrogram is deletion, how much insertion (arXiv:2603.12837)."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(prog="espnet-tse analyse-di", description=__doc__)
    parser.add_argument("--mix_scp", required=True, type=Path, help="mixtures")
    parser.add_argument("--ref_scp", type=Path, help="clean targets")
    parser.add_argument(
        "--system",
        action="append",
        default=[],
        metavar="NAME=SCP",
        help="estimates of any system; several times",
    )
    parser.add_argument("--model", help="a trained Mask2Flow-TSE: its mask and each of its steps")
    parser.add_argument("--enroll_scp", type=Path, help="enrollments, for --model")
    parser.add_argument("--inference_config", help="decoding YAML of --model, as for its steps")
    parser.add_argument("--output_dir", required=True, type=Path, help="for di.json and di.png")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if (args.model is None) != (args.enroll_scp is None):
        parser.error("--model and --enroll_scp go together")
    if args.inference_config and not args.model:
        parser.error("--inference_config is for --model")
    systems = {}
    for word in args.system:
        name, sign, place = word.partition("=")
        if not (name and sign and place) or name in systems or name in ("target", "enrollment"):
            parser.error(
                f"--system {word}: want NAME=SCP with a name of its own, other than target and enrollment"
            )
        systems[name] = Path(place)
    if not (systems or args.model or args.ref_scp):
        parser.error("name something to compare: --system, --model or --ref_scp")
    return run_command(parser.prog, lambda: run(args, systems))


def run(args: argparse.Namespace, systems: dict[str, Path]) -> None:
    import logging

    announce("loading PyTorch")
    import torch

    from espnet_tse.tasks.deletion_insertion import analyse
    from espnet_tse.tasks.extractor import Extractor

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
    )
    torch.set_num_threads(1)
    extractor = Extractor.from_pretrained(args.model, args.inference_config) if args.model else None
    shares = analyse(args.mix_scp, args.output_dir, args.ref_scp, systems, extractor, args.enroll_scp)
    print(f"{'% deleted':<32}{'raw':>8}{'l2':>8}")
    for name, percent in shares.items():
        print(
            f"{name:<32}"
            + "".join(f"{'-' if value is None else format(value, '.1f'):>8}" for value in percent.values())
        )


if __name__ == "__main__":
    sys.exit(main())

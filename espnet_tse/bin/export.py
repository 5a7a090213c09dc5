"""Export a discriminative system to ONNX."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse export",
        description="A discriminative system -> an ONNX file, compared with PyTorch before it is kept (pip install -e '.[export]'). "
        "A causal system becomes a stream: OUT.onnx takes a chunk, the cue and the states, OUT_enroll.onnx makes the cue.",
    )
    parser.add_argument("model", help="exp/tse_... folder, packed archive, hub id, or base or stream, of the package")
    parser.add_argument("output", type=Path, help="file to write, .onnx")
    parser.add_argument("--checkpoint", help="file name in the folder (default: the model's own choice)")
    parser.add_argument(
        "--whole", action="store_true", help="a causal system, too, as one file that takes whole mixtures"
    )
    parser.add_argument(
        "--chunk_s",
        type=float,
        default=0.008,
        help="chunk of a stream, seconds, rounded to whole hops (default: 0.008)",
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    announce("loading PyTorch and the exporter")
    from espnet_tse.tasks.exporting import export_system

    def work() -> None:
        export_system(args.model, args.output, args.checkpoint, args.whole, args.chunk_s)

    return run_command("espnet-tse export", work)


if __name__ == "__main__":
    sys.exit(main())

"""A page in the browser: extract and listen."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command

HERE = "127.0.0.1"
LAST_PORT = 65535


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse demo",
        description="A page in the browser: upload or record a mixture and an enrollment, hear the estimate "
        "(pip install -e '.[demo]').",
    )
    parser.add_argument(
        "model",
        nargs="?",
        help="exp/tse_... folder, packed archive or hub id (default: base, which comes with the package)",
    )
    parser.add_argument("--checkpoint", help="file name in the folder (default: the model's own choice)")
    parser.add_argument("--inference_config", help="YAML of decoding settings (see doc/decoding.md)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ...")
    parser.add_argument(
        "--host",
        default=HERE,
        help=f"address to listen at (default: {HERE}, this machine only; 0.0.0.0: whoever can reach it)",
    )
    parser.add_argument("--port", type=int, default=7860, help="default: 7860")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if not 1 <= args.port <= LAST_PORT:
        parser.error(f"--port is {args.port}, want 1 to {LAST_PORT}")
    announce("loading PyTorch and the system")

    def work() -> None:
        from espnet_tse.tasks.demo import Demo
        from espnet_tse.tasks.demo_page import gradio_library, serve
        from espnet_tse.tasks.extractor import Extractor
        from espnet_tse.tasks.shipped import BASE

        gradio_library()  # before a system is loaded for nothing
        extractor = Extractor.from_pretrained(
            args.model, args.inference_config, args.checkpoint, device=args.device
        )
        name = args.model or BASE.name
        serve(Demo(extractor, Path(name).stem if Path(name).exists() else name), args.host, args.port)

    return run_command("espnet-tse demo", work)


if __name__ == "__main__":
    sys.exit(main())

"""Import a system from the weights that its authors have published; nothing is fetched, and none are shipped."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command

SYSTEMS = ("usef_tfgridnet",)


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(prog="espnet-tse import-system", description=__doc__)
    parser.add_argument(
        "system", choices=SYSTEMS, help="whose weights they are (doc/from_espnet.md says which are known)"
    )
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="the published file, as temp_best.pth.tar"
    )
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="the system's folder, as exp/tse_imported"
    )
    parser.add_argument(
        "--sample_rate", type=int, required=True, help="Hz, of the audio it was trained on, as 8000"
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if args.sample_rate < 1:
        parser.error(f"--sample_rate {args.sample_rate}: want Hz, as 8000")
    return run_command(parser.prog, lambda: import_system(args))


def import_system(args: argparse.Namespace) -> None:
    announce("loading PyTorch")
    from espnet_tse.tasks.imported_system import build_imported, save_imported
    from espnet_tse.tasks.usef_weights import LICENCE, WRAPPERS, config_of, weight_map
    from espnet_tse.tasks.weight_map import read_state

    theirs = read_state(args.checkpoint, WRAPPERS)
    config = config_of(theirs, args.sample_rate, args.checkpoint)
    model = build_imported(config, args.checkpoint)
    state = weight_map(model).translated(theirs, model.state_dict(), args.checkpoint)
    save_imported(args.output_dir, config, state, args.checkpoint, LICENCE)
    print(
        f"{args.output_dir}: {len(state)} tensors of {args.checkpoint}. Their licence is {LICENCE}: no commercial use, and "
        "a system that is trained on from them is bound by it.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())

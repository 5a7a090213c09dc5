"""Import a system from the weights that its authors have published; nothing is fetched, and none are shipped."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command

# System -> the options that it wants besides.
SYSTEMS = {
    "usef_tfgridnet": ("sample_rate",),
    "usef_sepformer": ("sample_rate",),
    "laura_tse": ("codec",),
    "unise": ("codec", "wavlm"),
    "solospeech_vae": (),
    "solospeech": ("codec",),
    "solospeech_corrector": ("corrects",),
}


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(prog="espnet-tse import-system", description=__doc__)
    parser.add_argument("system", choices=tuple(SYSTEMS), help="whose weights they are (doc/from_espnet.md)")
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="the published file, as temp_best.pth.tar"
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        required=True,
        help="the system's folder, as exp/tse_imported; of solospeech_vae a codec's",
    )
    parser.add_argument(
        "--sample_rate", type=int, help="of usef_*: Hz, of the audio it was trained on, as 8000"
    )
    parser.add_argument(
        "--codec",
        help="of laura_tse, unise, solospeech: folder of the codec that it was trained with (espnet-tse import-codec; of "
        "solospeech the import of solospeech_vae)",
    )
    parser.add_argument(
        "--corrects", help="of solospeech_corrector: folder of the system whose estimates it corrects"
    )
    parser.add_argument("--wavlm", help="of unise: folder of microsoft/wavlm-base-plus")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    wanted = SYSTEMS[args.system]
    for option in wanted:
        if getattr(args, option) is None:
            parser.error(f"{args.system} wants --{option}")
    for option in sorted({option for options in SYSTEMS.values() for option in options} - set(wanted)):
        if getattr(args, option) is not None:
            parser.error(f"--{option} is not for {args.system}; leave it out")
    if args.sample_rate is not None and args.sample_rate < 1:
        parser.error(f"--sample_rate {args.sample_rate}: want Hz, as 8000")
    return run_command(parser.prog, lambda: import_system(args))


def import_system(args: argparse.Namespace) -> None:
    announce("loading PyTorch")
    from espnet_tse.tasks.published_systems import IMPORTS

    options = [getattr(args, option) for option in SYSTEMS[args.system]]
    num_tensors, licence = IMPORTS[args.system](args.checkpoint, *options, args.output_dir)
    forbidden = (
        ": no commercial use, and a system that is trained on from them is bound by it"
        if "NC" in licence
        else ""
    )
    print(
        f"{args.output_dir}: {num_tensors} tensors of {args.checkpoint}. Licence of the weights: {licence}{forbidden}.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())

"""Convert a released FunCodec or BiCodec folder into a codec folder with a manifest."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(prog="espnet-tse import-codec", description=__doc__)
    parser.add_argument(
        "--source_dir",
        required=True,
        type=Path,
        help="released folder: of FunCodec with config.yaml and model.pth; of BiCodec (Spark-TTS, UniSE) with BiCodec/ "
        "and wav2vec2-large-xlsr-53/",
    )
    parser.add_argument(
        "--output_dir", required=True, type=Path, help="the codec folder, e.g. exp/codec_funcodec"
    )
    parser.add_argument(
        "--licence",
        help="of the weights (default: as published, MIT of FunCodec, CC-BY-NC-SA-4.0 of BiCodec)",
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    import logging

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
    )
    return run_command(parser.prog, lambda: import_folder(args))


def import_folder(args: argparse.Namespace) -> None:
    import logging

    announce("loading PyTorch")
    from espnet_tse.codec.load import load_codec, save_codec
    from espnet_tse.codec.released import import_released

    released = import_released(args.source_dir)
    training = {"imported_from": args.source_dir.name, "config": released.config}
    licence = args.licence or released.licence
    manifest = save_codec(args.output_dir, released.codec, {"codec": released.name}, licence, training)
    load_codec(args.output_dir)  # what was written opens and gives the same codes
    logging.info(
        f"{args.output_dir}: {manifest['num_parameters']} parameters, sha256 {manifest['sha256'][:12]}, "
        f"fingerprint {manifest['fingerprint']}"
    )


if __name__ == "__main__":
    sys.exit(main())

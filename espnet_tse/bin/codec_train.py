"""Train a codec: data directories and a YAML -> a codec folder (config.yaml, model.pth, manifest.json)."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command
from espnet_tse.io.parent_process import end_with_torchrun


def get_parser() -> argparse.ArgumentParser:
    from espnet_tse.train.codec_train_conf import CodecTrainConf

    parser = CommandLine(
        prog="codec_train",
        description=__doc__,
        epilog="every key of the YAML is an option too, and then wins: --max_steps 100 "
        "--codec_conf '{num_codebooks: 4}'. A killed training goes on where it stopped.",
    )
    parser.add_argument("--config", required=True, help="YAML, e.g. conf/codec_mini.yaml")
    parser.add_argument(
        "--train_data_dir", required=True, type=Path, help="data directory (wav.scp, or spk1.scp)"
    )
    parser.add_argument("--valid_data_dir", required=True, type=Path)
    parser.add_argument(
        "--output_dir", required=True, type=Path, help="the codec folder, e.g. exp/codec_mini"
    )
    parser.add_argument("--ngpu", type=int, default=0, help="0: train on the CPU")
    parser.add_argument("--num_threads", type=int, default=1, help="CPU threads")
    keys = parser.add_argument_group("keys of the YAML")
    for field in fields(CodecTrainConf):
        keys.add_argument(f"--{field.name}", metavar="YAML", default=argparse.SUPPRESS)
    return parser


def read_conf(args: argparse.Namespace):
    """The ``CodecTrainConf`` of the YAML and of the options that override it.

    Raises:
        DataError: a fault of either.
    """
    import yaml

    from espnet_tse.io.scp import DataError
    from espnet_tse.tasks.codec import read_train_conf
    from espnet_tse.train.codec_train_conf import CodecTrainConf

    given = {
        field.name: getattr(args, field.name) for field in fields(CodecTrainConf) if hasattr(args, field.name)
    }
    try:
        overrides = {name: yaml.safe_load(value) for name, value in given.items()}
    except yaml.YAMLError as error:
        raise DataError(f"an option is not readable as YAML: {error}") from error
    return read_train_conf(args.config, overrides)


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if args.num_threads < 1:
        parser.error(f"--num_threads is {args.num_threads}, want 1 or more")
    end_with_torchrun()
    announce("loading PyTorch")
    return run_command("codec_train", lambda: train(args))


def train(args: argparse.Namespace) -> None:
    import torch

    from espnet_tse.tasks.codec import train_codec

    torch.set_num_threads(args.num_threads)
    conf = read_conf(args)
    log_to(args.output_dir / "train.log")
    train_codec(conf, args.train_data_dir, args.valid_data_dir, args.output_dir, args.ngpu)


def log_to(path: Path) -> None:
    """Log to stderr and, unless the caller sends stderr there already, to ``train.log``."""
    import logging
    import os

    path.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    stderr = os.fstat(2)
    if not (path.exists() and os.path.samestat(os.stat(path), stderr)):
        handlers.append(logging.FileHandler(path, encoding="utf-8"))
    form = "%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, handlers=handlers, force=True)


if __name__ == "__main__":
    sys.exit(main())

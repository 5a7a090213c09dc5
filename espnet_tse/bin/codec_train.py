"""Train a codec: data directories and a YAML -> a codec folder (config.yaml, model.pth, manifest.json)."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path
from typing import Sequence


def get_parser() -> argparse.ArgumentParser:
    from espnet_tse.train.codec_train_conf import CodecTrainConf

    parser = argparse.ArgumentParser(
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


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = vars(parser.parse_args(cmd))
    known = {name: args.pop(name) for name in ("config", "train_data_dir", "valid_data_dir", "output_dir")}
    ngpu, num_threads = args.pop("ngpu"), args.pop("num_threads")
    import yaml

    try:
        overrides = {name: yaml.safe_load(value) for name, value in args.items()}
    except yaml.YAMLError as error:
        parser.error(f"an option is not readable as YAML: {error}")
    from espnet_tse.schema.scp import DataError

    try:
        import torch

        from espnet_tse.tasks.codec import read_train_conf, train_codec

        torch.set_num_threads(num_threads)
        conf = read_train_conf(known["config"], overrides)
        log_to(known["output_dir"] / "train.log")
        train_codec(conf, known["train_data_dir"], known["valid_data_dir"], known["output_dir"], ngpu)
    except DataError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 1
    return 0


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

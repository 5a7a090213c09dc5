"""Waveforms -> codes, units or latents: one .npy of shape (frames, codebooks) an utterance and stream."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command


def get_parser(prog: str = "espnet-tse tokenize", description: str = __doc__) -> argparse.ArgumentParser:
    parser = CommandLine(prog=prog, description=description)
    parser.add_argument("--codec", required=True, help="codec folder: config.yaml, model.pth, manifest.json")
    meaning = (
        "wav.scp or spk1.scp of the utterances; or a TSE directory: its targets, mixtures and enrollments"
    )
    parser.add_argument("--scp", required=True, help=meaning)
    parser.add_argument("--output_dir", required=True, help="folder of the scp, manifest.json and files")
    parser.add_argument("--batch_size", type=int, default=8, help="utterances a pass; equal lengths share it")
    parser.add_argument("--num_threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ...")
    parser.add_argument("--shard", metavar="J/N", help="work on part J of N; writes OUTPUT_DIR/J")
    parser.add_argument("--merge", type=int, metavar="N", help="join the N shards of OUTPUT_DIR")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    return run(get_parser(), cmd, resynthesize=False)


def run(parser: argparse.ArgumentParser, cmd: Sequence[str] | None, resynthesize: bool) -> int:
    """Tokenization and resynthesis have the same command line."""
    args = parser.parse_args(cmd)
    counts = (args.batch_size, args.num_threads, 1 if args.merge is None else args.merge)
    if min(counts) < 1 or (args.merge and args.shard):
        parser.error(
            "--batch_size, --num_threads and --merge want positive numbers, and --merge goes without --shard"
        )
    import logging

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
    )
    return run_command(parser.prog, lambda: code(args, resynthesize))


def code(args: argparse.Namespace, resynthesize: bool) -> None:
    from espnet_tse.io.shard import parse_shard

    shard = parse_shard(args.shard) if args.shard else None
    announce("loading PyTorch")
    import torch

    from espnet_tse.codec.manifest import check_same_decoder
    from espnet_tse.tasks import coding

    torch.set_num_threads(args.num_threads)
    paths = (Path(args.codec), Path(args.scp), Path(args.output_dir))
    if args.merge:
        if resynthesize:
            coding.merge(*paths, args.merge, ["wav.scp"], check_same_decoder)
        else:
            coding.merge(*paths, args.merge, coding.lists_of(paths[0]))
    elif not resynthesize:
        coding.encode_scp(*paths, shard, args.batch_size, args.device)
    else:
        coding.resynthesize_scp(*paths, shard, args.batch_size, args.device, args.num_codebooks)


if __name__ == "__main__":
    sys.exit(main())

"""Extract an enrolled speaker: one file, or every row of a wav.scp."""

import argparse
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, announce, run_command

AUDIO_SUFFIXES = (".wav", ".flac")
INPUTS = (
    "mixture",
    "enrollment",
    "mixture_scp",
    "enroll_scp",
    "embedding_scp",
    "oracle_target_scp",
    "inference_config",
)


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse extract",
        description="Extract the enrolled speaker from mixtures: "
        "'extract mixture.wav enrollment.wav -o out.wav', or scp files with --output_dir.",
    )
    parser.add_argument("mixture", nargs="?", help="one mixture (wav, flac ...)")
    parser.add_argument("enrollment", nargs="?", help="another recording of the wanted speaker")
    parser.add_argument("-o", "--output", help="file of the estimate")
    parser.add_argument("--mixture_scp", help="scp of many mixtures")
    parser.add_argument("--enroll_scp", help="scp of their enrollments, by key")
    parser.add_argument(
        "--embedding_scp", help="scp of their .npy or ark embeddings, for speaker_encoder: given"
    )
    meaning = "scp of the clean targets, for decodings that are told the truth (ratio: oracle): no results of extraction"
    parser.add_argument("--oracle_target_scp", help=meaning)
    parser.add_argument("--output_dir", help="folder of <key>.wav, wav.scp and decode.json")
    parser.add_argument(
        "--model",
        help="exp/tse_... folder, packed .zip, or Hugging Face id (default: the one in the package)",
    )
    parser.add_argument("--checkpoint", help="file name in the folder (default: valid.loss.ave.pth)")
    meaning = "tokenizers that are not where training found them, as acoustic=exp/codec_x"
    parser.add_argument("--tokenizers", nargs="+", default=[], metavar="NAME=FOLDER", help=meaning)
    parser.add_argument("--codec_dir", help="short for --tokenizers acoustic=...")
    parser.add_argument("--inference_config", help="YAML of decoding settings (see doc/decoding.md)")
    meaning = (
        "tse (the enrolled speaker), rtse (the other one), sr (restore the loudest), ss (both speakers, without an "
        "enrollment); systems say which they know (default: that of --inference_config, or tse)"
    )
    parser.add_argument("--task", choices=("tse", "rtse", "sr", "ss"), help=meaning)
    parser.add_argument("--batch_size", type=int, default=8, help="mixtures decoded together")
    parser.add_argument("--num_threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ...")
    parser.add_argument("--shard", metavar="J/N", help="work on part J of N; writes OUTPUT_DIR/J")
    parser.add_argument("--merge", type=int, metavar="N", help="join the N shards of OUTPUT_DIR")
    return parser


def parse(cmd: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of an extraction; ends with exit code 2 where they do not go together."""
    parser = get_parser()
    args = parser.parse_args(cmd)
    single = args.mixture is not None
    # A decoding YAML may name a task without an enrollment.
    enrolled = args.task in ("tse", "rtse") or (args.task is None and args.inference_config is None)
    if single and not (args.output and (args.enrollment or not enrolled)):
        parser.error("one mixture wants: mixture enrollment -o output")
    if not single and not args.merge and enrolled and not args.enroll_scp:
        parser.error("--enroll_scp is required with --mixture_scp")
    if not single and not (args.mixture_scp and args.output_dir):
        parser.error("give mixture, enrollment and -o, or --mixture_scp, --enroll_scp and --output_dir")
    if single and args.embedding_scp:
        parser.error("--embedding_scp goes with --mixture_scp; lists of one line serve for one mixture")
    if single and args.oracle_target_scp:
        parser.error("--oracle_target_scp goes with --mixture_scp; lists of one line serve for one mixture")
    if single and Path(args.output).suffix.lower() not in AUDIO_SUFFIXES:
        parser.error(f"-o {args.output}: name a file that ends in {' or '.join(AUDIO_SUFFIXES)}")
    if single and Path(args.output).is_dir():
        parser.error(f"-o {args.output}: is a folder; name a file in it")
    return args


def main(cmd: Sequence[str] | None = None) -> int:
    args = parse(cmd)
    return run_command("espnet-tse extract", lambda: merge(args) if args.merge else run(args))


def merge(args: argparse.Namespace) -> None:
    from espnet_tse.tasks.extraction import merge_shards

    merge_shards(Path(args.output_dir), args.mixture_scp, args.merge)


def require_inputs(args: argparse.Namespace) -> None:
    """``DataError`` for a path of the command line that is no file, before anything heavy is loaded."""
    from espnet_tse.io.scp import DataError

    for name in INPUTS:
        path = getattr(args, name)
        if path is not None and not Path(path).is_file():
            fix = "run the stage that makes it, or fix the path" if name.endswith("_scp") else "fix the path"
            raise DataError(f"{path}: no such file; {fix}.")


def places_of_tokenizers(args: argparse.Namespace) -> dict[str, str]:
    """Name -> folder, of the command line; ``DataError`` for a word of another form."""
    from espnet_tse.io.scp import DataError
    from espnet_tse.tasks.inputs import pair_of

    places = {} if args.codec_dir is None else {"acoustic": args.codec_dir}
    for word in args.tokenizers:
        pair = pair_of(word, "tokenizers")
        if not all(name and place for name, place in pair.items()):
            raise DataError(
                f"--tokenizers {word}: name or folder is empty; give both, as acoustic=exp/codec_mini."
            )
        places |= pair
    return places


def run(args: argparse.Namespace) -> None:
    from espnet_tse.io.shard import parse_shard

    require_inputs(args)
    shard = parse_shard(args.shard) if args.shard else None
    announce("loading PyTorch")
    import logging

    import torch

    from espnet_tse.tasks.extraction import extract_file, extract_scp
    from espnet_tse.tasks.extractor import Extractor
    from espnet_tse.tasks.shipped import SHIPPED

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
    )
    torch.set_num_threads(args.num_threads)
    if args.model is None:
        logging.info(f"no --model: the system that comes with the package; its card: {SHIPPED}/README.md")
    extractor = Extractor.from_pretrained(
        args.model or SHIPPED,
        args.inference_config,
        args.checkpoint,
        places_of_tokenizers(args),
        args.device,
        args.task,
    )
    if args.mixture is not None:
        extract_file(extractor, args.mixture, args.enrollment, args.output)
    else:
        lists = (args.mixture_scp, args.enroll_scp, Path(args.output_dir), args.batch_size, shard)
        extract_scp(extractor, *lists, args.embedding_scp, args.oracle_target_scp)


if __name__ == "__main__":
    sys.exit(main())

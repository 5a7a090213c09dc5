"""Extract an enrolled speaker: one file, or every row of a wav.scp."""

import argparse
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import WANTS_FOLDER, CommandLine, announce, run_command
from espnet_tse.io.microphone import MICROPHONE
from espnet_tse.io.raw_pcm import FORMATS, RAW_SUFFIXES, samples_to_stdout

AUDIO_SUFFIXES = (".wav", ".flac")
STANDARD = "-"  # input or output
CLOSED_PIPE = 141  # 128 + SIGPIPE, as of a shell's own commands
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
        "'extract mixture.wav enrollment.wav -o out.wav', or scp files with --output_dir, or while it comes in: "
        "'extract --stream - enrollment.wav -o -'.",
    )
    meaning = (
        "one mixture (wav, flac ...); with --stream - for raw samples on standard input, mic or mic:DEVICE"
    )
    parser.add_argument("mixture", nargs="?", help=meaning)
    parser.add_argument("enrollment", nargs="?", help="another recording of the wanted speaker")
    meaning = "file of the estimate; with --stream - for standard output, .raw or .pcm for raw samples"
    parser.add_argument("-o", "--output", help=meaning)
    meaning = "write the estimate while the mixture comes in, one channel; causal systems only (see doc/decoding.md)"
    parser.add_argument("--stream", action="store_true", help=meaning)
    meaning = "raw samples of a stream: 16-bit integers (default) or 32-bit floats, in and out"
    parser.add_argument("--sample_format", choices=tuple(FORMATS), help=meaning)
    parser.add_argument(
        "--rate", type=int, metavar="HZ", help="of a stream (default and only: that of the model)"
    )
    meaning = (
        "tell the algorithmic latency of a causal system, as found by changing samples of a mixture, and end"
    )
    parser.add_argument("--measure_latency", action="store_true", help=meaning)
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
        help="exp/tse_... folder, packed .zip, Hugging Face id, or base or stream, which come with the package (default: "
        "base; of a stream stream)",
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
    if fault := fault_of(args, single):
        parser.error(fault)
    return args


def main(cmd: Sequence[str] | None = None) -> int:
    args = parse(cmd)
    work = run
    for name, other in (("merge", merge), ("stream", stream), ("measure_latency", measure_latency)):
        if getattr(args, name):
            work = other
    return run_command("espnet-tse extract", lambda: work(args))


def fault_of(args: argparse.Namespace, single: bool) -> str | None:
    """What is wrong with the combination of options."""
    for name in ("num_threads", "batch_size", "merge"):
        if (value := getattr(args, name)) is not None and value < 1:
            return f"--{name} is {value}, want 1 or more"
    if args.measure_latency:
        others = ("output", "output_dir", "stream", "shard", "merge")
        given = [name for name in (*INPUTS, *others) if getattr(args, name)]
        return f"--measure_latency takes no {given[0]}: only --model" if given else None
    if args.stream:
        return fault_of_stream(args)
    for name in ("sample_format", "rate"):
        if getattr(args, name) is not None:
            return f"--{name} goes with --stream"
    # A decoding YAML may name a task without an enrollment.
    enrolled = args.task in ("tse", "rtse") or (args.task is None and args.inference_config is None)
    if single and STANDARD in (args.mixture, args.output):
        return "- is raw samples and goes with --stream"
    if single and not (args.output and (args.enrollment or not enrolled)):
        return "one mixture wants: mixture enrollment -o output"
    if not single and not args.merge and enrolled and not args.enroll_scp:
        return "--enroll_scp is required with --mixture_scp"
    if not single and not (args.mixture_scp and args.output_dir):
        return "give mixture, enrollment and -o, or --mixture_scp, --enroll_scp and --output_dir"
    if args.merge and args.shard:
        return "--merge joins all shards and goes without --shard"
    for name in ("embedding_scp", "oracle_target_scp"):
        if single and getattr(args, name):
            return f"--{name} goes with --mixture_scp; lists of one line serve for one mixture"
    for name in ("mixture_scp", "enroll_scp", "output_dir", "shard", "merge"):
        if single and getattr(args, name):
            return f"--{name} is of lists and has no place beside one mixture; leave out the one or the other"
    if not single and args.output:
        return "-o is of one mixture; estimates of lists go to --output_dir"
    if single:
        return fault_of_output(args.output, AUDIO_SUFFIXES)
    return fault_of_folder(Path(args.output_dir), f"--output_dir {args.output_dir}")


def fault_of_stream(args: argparse.Namespace) -> str | None:
    """What is wrong with the options of a stream."""
    lists = [name for name in (*INPUTS[2:-1], "output_dir", "shard", "merge") if getattr(args, name)]
    if lists:
        return f"--stream takes one mixture: leave out --{lists[0]}"
    if not (args.enrollment and args.output):
        return "a stream wants: --stream -|mic enrollment -o -|output"
    if args.mixture != STANDARD and args.mixture.partition(":")[0] != MICROPHONE:
        return f"--stream {args.mixture}: want - (raw samples on standard input) or mic; leave out --stream for a file"
    # A stream that is closed (<&-) is None.
    if args.mixture == STANDARD and (sys.stdin is None or sys.stdin.isatty()):
        return "--stream -: standard input is a terminal, or closed; pipe raw samples into it, or take mic"
    if args.output == STANDARD:
        closed = sys.stdout is None or sys.stdout.isatty()
        return (
            "-o -: standard output is a terminal, or closed; pipe it on, or name a file" if closed else None
        )
    return fault_of_output(args.output, (*AUDIO_SUFFIXES, *RAW_SUFFIXES))


def fault_of_output(output: str, suffixes: Sequence[str]) -> str | None:
    """What is wrong with the place of an estimate."""
    if Path(output).suffix.lower() not in suffixes:
        return f"-o {output}: name a file that ends in {' or '.join(suffixes)}"
    if Path(output).is_dir():
        return f"-o {output}: is a folder; name a file in it"
    return fault_of_folder(Path(output).parent, f"-o {output}")


def fault_of_folder(folder: Path, where: str) -> str | None:
    """What keeps a folder from being made: a file on the way to it."""
    # os.path: where a folder may not be looked into, these are False, and Path's own raise.
    files = [path for path in (folder, *folder.parents) if os.path.exists(path) and not os.path.isdir(path)]
    return f"{where}: {files[0]} {WANTS_FOLDER}" if files else None


def merge(args: argparse.Namespace) -> None:
    from espnet_tse.tasks.extraction_merge import merge_shards

    merge_shards(Path(args.output_dir), args.mixture_scp, args.merge)


def require_inputs(args: argparse.Namespace) -> None:
    """``DataError`` for a path of the command line that is no file, before anything heavy is loaded."""
    from espnet_tse.io.scp import DataError

    for name in INPUTS[args.stream :]:  # the mixture of a stream is no file
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


def open_extractor(args: argparse.Namespace):
    """The system of the command line; what it says and logs goes to stderr."""
    require_inputs(args)
    announce("loading PyTorch")
    import logging

    import torch

    from espnet_tse.tasks.extractor import Extractor
    from espnet_tse.tasks.shipped import SHIPPED

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
    )
    torch.set_num_threads(args.num_threads)
    model = args.model
    if model is None:
        name = "stream" if args.stream or args.measure_latency else "base"
        model = SHIPPED[name]
        logging.info(f"no --model: {name}, which comes with the package; its card: {model}/README.md")
    return Extractor.from_pretrained(
        model,
        args.inference_config,
        args.checkpoint,
        places_of_tokenizers(args),
        args.device,
        args.task,
    )


def run(args: argparse.Namespace) -> None:
    from espnet_tse.io.shard import parse_shard

    shard = parse_shard(args.shard) if args.shard else None
    extractor = open_extractor(args)
    from espnet_tse.tasks.extraction import extract_file, extract_scp

    if args.mixture is not None:
        extract_file(extractor, args.mixture, args.enrollment, args.output)
    else:
        lists = (args.mixture_scp, args.enroll_scp, Path(args.output_dir), args.batch_size, shard)
        extract_scp(extractor, *lists, args.embedding_scp, args.oracle_target_scp)


def stream(args: argparse.Namespace) -> int:
    """Extract what comes in; the exit code."""
    with samples_to_stdout() if args.output == STANDARD else nullcontext(Path(args.output)) as output:
        extractor = open_extractor(args)
        from espnet_tse.tasks.live import extract_stream

        source = sys.stdin.buffer if args.mixture == STANDARD else args.mixture
        try:
            extract_stream(
                extractor, source, args.enrollment, output, args.sample_format or "s16le", args.rate
            )
        except BrokenPipeError:  # whoever read the output has gone
            return CLOSED_PIPE
    return 0


def measure_latency(args: argparse.Namespace) -> None:
    extractor = open_extractor(args)
    from espnet_tse.models.latency import measured_latency

    latency = measured_latency(extractor.causal_extractor())
    print(f"latency: {latency} samples, {1000 * latency / extractor.sample_rate:.1f} ms")


if __name__ == "__main__":
    sys.exit(main())

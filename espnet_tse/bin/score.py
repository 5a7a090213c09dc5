"""Score estimates of any system: ``score --inf_scp A/wav.scp --ref_scp spk1.scp --output_dir A/scoring``."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command

# Without a default here: what is not given is the preset's.
PRESET_OPTIONS = {
    "text_norm": "auto (whisper_en for Whisper, else basic), basic, whisper_en, whisper_basic or none",
    "unit": "word (wer) or char (cer)",
    "length": "ref (pad or cut to the target), min or strict",
    "align": "none, or xcorr: extra *_al columns",
    "level": "none, peak or rms:<dBFS>, of the estimate",
}


def str2bool(value: str) -> bool:
    """``true``/``false`` as ESPnet's options have them."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise argparse.ArgumentTypeError(f"'{value}' is neither true nor false")


class _ListMetrics(argparse.Action):
    """Print the registry and end, so that the required options need not be given."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        from espnet_tse.scoring.measure.weight_files import Places
        from espnet_tse.scoring.run.metric_cards import metrics_markdown, metrics_table

        # Options given before this one say where weights lie.
        places = Places(namespace.model_dir, namespace.dnsmos_dir)
        print(metrics_markdown() if values == "markdown" else metrics_table(places), end="")
        parser.exit(0)


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse score",
        description="Score estimates against their targets; pairs by key; a missing output is a failure.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    inputs = parser.add_argument_group("inputs (Kaldi scp files, joined by key)")
    inputs.add_argument("--inf_scp", type=Path, help="estimates")
    inputs.add_argument("--inf_dir", type=Path, help="folder of estimates, instead of --inf_scp")
    inputs.add_argument(
        "--inf_pattern", default="{utt}.wav", help="path of an utterance's file below --inf_dir"
    )
    inputs.add_argument("--ref_scp", type=Path, help="clean targets, e.g. spk1.scp")
    inputs.add_argument("--mix_scp", type=Path, help="mixtures (improvements)")
    inputs.add_argument("--enroll_scp", type=Path, help="enrollments (similarity to the enrollment)")
    inputs.add_argument(
        "--intf_scp", type=Path, nargs="+", action="extend", default=[], help="interferers (confusion rate)"
    )
    inputs.add_argument(
        "--absent",
        default="",
        help="list of the utterances whose target says nothing, or 'silent': those whose target is digital silence",
    )
    inputs.add_argument("--text", type=Path, help="transcripts of the targets (wer)")
    inputs.add_argument(
        "--intf_text",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        help="transcripts of the interferers (leak)",
    )
    inputs.add_argument("--utt2spk", type=Path, help="key -> target speaker")
    inputs.add_argument(
        "--intf_utt2spk", type=Path, nargs="+", action="extend", default=[], help="key -> interfering speaker"
    )
    inputs.add_argument("--spk2gender", type=Path, help="speaker -> gender (bucket of gender pairs)")
    inputs.add_argument(
        "--external",
        action="append",
        default=[],
        help="NAME=PATH[:FIELD][,up|down], repeatable: a column of scores computed elsewhere, from Kaldi lines or JSON "
        "lines (VERSA, ESPnet)",
    )
    inputs.add_argument("--utt2rtf", type=Path, help="key -> real-time factor of its extraction (rtf)")
    inputs.add_argument(
        "--compare",
        type=Path,
        nargs="+",
        default=[],
        metavar="SCORES",
        help="score nothing: test the scored systems (scoring folders, the folders above them, or result.json files) "
        "after the first against the first, utterance by utterance; prints the table, or writes it to --output_dir; "
        "also --metrics (plain names), --ci_unit, --force",
    )
    outputs = parser.add_argument_group("outputs")
    outputs.add_argument("--output_dir", type=Path, help="where the result files go")
    outputs.add_argument("--system", default="", help="name in the results; default: folder of --inf_scp")
    outputs.add_argument("--test_set", default="", help="name in the results; default: folder of --ref_scp")
    outputs.add_argument(
        "--flag",
        action="append",
        default=[],
        help="remark on the row, repeatable, as 'oracle: target's own codes'",
    )
    outputs.add_argument(
        "--candidates", type=int, default=1, help="an estimate is the best of so many; flagged"
    )
    outputs.add_argument(
        "--export_versa", type=Path, metavar="DIR", help="also write the lists that VERSA reads"
    )
    what = parser.add_argument_group("what to compute")
    what.add_argument("--preset", default="offline", help="metrics and settings, see --list_metrics")
    what.add_argument("--metrics", default="", help="'a,b' replaces the preset, '+a,-b' changes it")
    what.add_argument(
        "--asr",
        action="append",
        default=[],
        help="recogniser for wer/dwer, repeatable: 'whisper:<file.pt>', 'faster_whisper:<folder>', "
        "'hf_whisper:<folder>' (each with :language=en,decode=strict,tag=name), 'pocketsphinx' (smoke test only), "
        "'external:<text>[,<text of the clean targets>]'; 'none': not those of the preset",
    )
    preset = parser.add_argument_group("settings that a preset may hold; given here, they go before it")
    for name, text in PRESET_OPTIONS.items():
        preset.add_argument(f"--{name}", default=argparse.SUPPRESS, help=text)
    what.add_argument(
        "--missing", default="error", help="error, or penalize: missing estimates get penalties"
    )
    what.add_argument(
        "--ref_channel",
        type=int,
        default=0,
        help="channel of files with several; a file with one is used as it is",
    )
    what.add_argument(
        "--allow_upsample", action="store_true", help="opinion scores also on data below 16 kHz"
    )
    what.add_argument(
        "--model_dir",
        type=Path,
        help="folder of weights that no package carries (doc/metrics.md); never filled here",
    )
    what.add_argument(
        "--skip_unavailable", action="store_true", help="n/a where a package or weights are missing"
    )
    what.add_argument("--dnsmos_dir", type=Path, help="folder with dnsmos_models/ and pdnsmos_models/")
    what.add_argument("--ci_unit", default="utt", help="what the bootstrap resamples: utt or spk")
    how = parser.add_argument_group("how")
    how.add_argument("--nj", type=int, default=1, help="processes, one thread each; never changes a result")
    how.add_argument("--cache_dir", type=Path, help="cache shared by all systems of a test set")
    how.add_argument(
        "--resume", type=str2bool, default=True, help="false: forget this system's cached scores"
    )
    how.add_argument(
        "--shard",
        default="",
        help="K/N: score every N-th utterance into the caches only; a run without it then merges",
    )
    how.add_argument(
        "--force",
        action="store_true",
        help="exit code 0 even with more than 10 %% failures; compare what differs",
    )
    how.add_argument(
        "--dry_run", action="store_true", help="check everything, estimate the time, score nothing"
    )
    how.add_argument(
        "--list_metrics",
        action=_ListMetrics,
        nargs="?",
        choices=["text", "markdown"],
        default=argparse.SUPPRESS,
        help="print all metrics and presets and what they lack here (behind --model_dir, with it)",
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    """Exit codes: 0 scored, 1 data errors or too many failures, 2 usage."""
    parser = get_parser()
    args = parser.parse_args(cmd)
    if args.compare and (len(args.compare) < 2 or args.inf_scp or args.inf_dir):
        parser.error("--compare takes two or more scored folders and no estimates")
    if not args.compare:
        require_inputs(parser, args)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s: %(message)s")
    return run_command("espnet-tse score", lambda: compare(args) if args.compare else score(args))


def require_inputs(parser: CommandLine, args: argparse.Namespace) -> None:
    """End with exit code 2 and all that a scoring run lacks."""
    lacking = [] if args.inf_scp or args.inf_dir else ["the estimates (--inf_scp or --inf_dir)"]
    lacking += [] if args.output_dir else ["--output_dir"]
    if lacking:
        parser.error(f"give {' and '.join(lacking)}")
    if args.inf_scp and args.inf_dir:
        parser.error("give the estimates by --inf_scp or by --inf_dir, one of the two")


def compare(args: argparse.Namespace) -> None:
    """Compare scored systems: print the table, and write compare.md and compare.json where a folder is given."""
    from espnet_tse.scoring.result.compare import compare_systems, comparison_markdown, write_comparison

    metrics = tuple(name for name in args.metrics.split(",") if name)
    comparison = compare_systems(args.compare, metrics, args.ci_unit, args.force)
    if args.output_dir:
        write_comparison(comparison, args.output_dir)
    print(comparison_markdown(comparison), end="")


def score(args: argparse.Namespace) -> int:
    """Score one system."""
    from espnet_tse.scoring.result.score_system import score_system
    from espnet_tse.scoring.run.costs import estimate_seconds
    from espnet_tse.scoring.run.job_pool import JobError
    from espnet_tse.scoring.run.options import ScoringOptions
    from espnet_tse.scoring.run.plan import make_plan
    from espnet_tse.scoring.run.runner import run_shard
    from espnet_tse.scoring.run.versa_export import export_versa

    options = {name: tuple(value) if isinstance(value, list) else value for name, value in vars(args).items()}
    dry_run, export, _ = (options.pop(name) for name in ("dry_run", "export_versa", "compare"))
    plan = make_plan(ScoringOptions(**options))
    if export:
        print(f"{export}: lists for VERSA; score them with\n  {export_versa(plan, export)}")
    if dry_run:
        print(
            f"{len(plan.utterances)} utterances, {len(plan.worker.metrics)} metrics: about "
            f"{estimate_seconds(plan) / 60:.1f} CPU minutes; inputs are in order."
        )
        return 0
    try:
        return run_shard(plan) if args.shard else score_system(plan)
    except JobError as error:
        logging.error("%s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())

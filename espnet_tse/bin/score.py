"""Score estimates of any system: ``score --inf_scp A/wav.scp --ref_scp spk1.scp --output_dir A/scoring``."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.option_fields import add_options, from_arguments
from espnet_tse.scoring.run.options import GROUPS, ScoringOptions


class _ListMetrics(argparse.Action):
    """Print the registry and exit, without asking for the required options."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        from espnet_tse.scoring.measure.weight_files import Places
        from espnet_tse.scoring.run.metric_cards import metrics_table
        from espnet_tse.scoring.run.metric_page import metrics_markdown

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
    groups = add_options(parser, ScoringOptions, GROUPS)
    groups["inputs"].add_argument(
        "--compare",
        type=Path,
        nargs="+",
        default=[],
        metavar="SCORES",
        help="score nothing: test the scored systems (scoring folders, the folders above them, or "
        "result.json files) after the first against the first, utterance by utterance; prints the table, or "
        "writes it to --output_dir; also --metrics (plain names), --ci_unit, --force",
    )
    groups["outputs"].add_argument(
        "--export_versa", type=Path, metavar="DIR", help="also write the lists that VERSA reads"
    )
    groups["how"].add_argument(
        "--dry_run", action="store_true", help="check everything, estimate the time, score nothing"
    )
    groups["how"].add_argument(
        "--list_metrics",
        action=_ListMetrics,
        nargs="?",
        choices=["text", "markdown"],
        default=argparse.SUPPRESS,
        help=(
            "print all metrics and presets, and what is missing for them here (after --model_dir, taking it "
            "into account)"
        ),
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
    """End with exit code 2 and everything that is missing for a scoring run."""
    lacking = [] if args.inf_scp or args.inf_dir else ["the estimates (--inf_scp or --inf_dir)"]
    lacking += [] if args.output_dir else ["--output_dir"]
    if lacking:
        parser.error(f"give {' and '.join(lacking)}")
    if args.inf_scp and args.inf_dir:
        parser.error("give the estimates by --inf_scp or by --inf_dir, one of the two")


def compare(args: argparse.Namespace) -> None:
    """Compare scored systems: print the table; where a folder is given, write compare.md and compare.json."""
    from espnet_tse.scoring.result.compare import compare_systems
    from espnet_tse.scoring.result.comparison_files import comparison_markdown, write_comparison

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
    from espnet_tse.scoring.run.plan import make_plan
    from espnet_tse.scoring.run.runner import run_shard
    from espnet_tse.scoring.run.versa_export import export_versa

    plan, export = make_plan(from_arguments(ScoringOptions, args)), args.export_versa
    if export:
        print(f"{export}: lists for VERSA; score them with\n  {export_versa(plan, export)}")
    if args.dry_run:
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

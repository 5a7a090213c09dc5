"""RESULTS.md and report.html of an experiment folder."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

from espnet_tse.io.command_line import CommandLine, run_command


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="espnet-tse report",
        description="Collect every scoring/result.json of an experiment folder into RESULTS.md and a page.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--exp_dir", type=Path, help="folder to search for **/scoring/result.json")
    parser.add_argument(
        "--results",
        type=Path,
        nargs="+",
        default=[],
        help="further results: scoring folders, the folders above them, or result.json files",
    )
    parser.add_argument("--output", type=Path, help="RESULTS.md; hand-written text around its marks is kept")
    parser.add_argument("--html", type=Path, help="the page: one file, opens without network")
    parser.add_argument("--latex", type=Path, help="the tables for a paper; needs \\usepackage{booktabs}")
    parser.add_argument("--csv", type=Path, help="every figure with its interval, one per line")
    parser.add_argument("--paper_rows", type=Path, help="YAML of published rows to show beside ours")
    parser.add_argument("--title", default="Target speaker extraction: results", help="title of the page")
    parser.add_argument("--num_utts", type=int, default=12, help="utterances with audio, of each test set")
    parser.add_argument("--utts", nargs="+", default=[], help="keys to play whatever their score")
    parser.add_argument("--max_mb", type=float, default=40.0, help="limit of audio and pictures in the page")
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    parser = get_parser()
    args = parser.parse_args(cmd)
    if args.exp_dir is None and not args.results:
        parser.error("give --exp_dir, --results or both")
    if not any((args.output, args.html, args.latex, args.csv)):
        parser.error("give --output, --html, --latex or --csv")
    for name in ("num_utts", "max_mb"):
        if getattr(args, name) < 0:
            parser.error(f"--{name} must not be negative")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (report) %(levelname)s: %(message)s")
    return run_command("espnet-tse report", lambda: write_reports(args))


def write_reports(args: argparse.Namespace) -> None:
    """Write the outputs that were asked for.

    Raises:
        DataError, OSError: a result cannot be read, or an output cannot be written.
    """
    from espnet_tse.report.collect import collect_results
    from espnet_tse.report.csv_file import write_csv
    from espnet_tse.report.group_tables import build_groups
    from espnet_tse.report.html_page import PageOptions, write_page
    from espnet_tse.report.latex_file import write_latex
    from espnet_tse.report.paper_rows import read_paper_rows
    from espnet_tse.report.results_file import write_results

    results = collect_results(args.exp_dir, args.results)
    logging.info("%d results of %d test sets", len(results), len({r.test_set for r in results}))
    groups = build_groups(results, read_paper_rows(args.paper_rows) if args.paper_rows else [])
    for path, write in ((args.output, write_results), (args.latex, write_latex), (args.csv, write_csv)):
        if path is not None:
            write(path, groups)
            logging.info("%s: written", path)
    if args.html is not None:
        options = PageOptions(args.title, args.num_utts, args.max_mb, tuple(args.utts))
        write_page(args.html, groups, args.exp_dir, options)


if __name__ == "__main__":
    sys.exit(main())

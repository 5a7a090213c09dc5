#!/usr/bin/env python3
"""A score of systems that are alike but for the number of their training speakers, against that number: medians as table and picture."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.files import atomic_write
from espnet_tse.io.scp import DataError, read_scp


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="holds tse_speakers_<number>_<set>/scoring"
    )
    parser.add_argument("--numbers", type=int, nargs="+", required=True, help="of speakers")
    parser.add_argument("--test_sets", nargs="+", required=True)
    parser.add_argument("--metric", default="si_sdr_i")
    return parser


def read_score(path: Path) -> tuple[float, float, float]:
    """Median over the utterances of a file of scores, and the ends of its 95 % bootstrap interval.

    A mean would tell how many outputs are silent: one of them has a SI-SDR near -100 dB.

    Raises:
        DataError: it is not scored.
    """
    if not path.is_file():
        raise DataError(f"{path}: is not there; local/number_of_speakers.sh scores the sets (--metrics).")
    values = np.array([float(value) for value in read_scp(path).values()])
    values = values[~np.isnan(values)]
    draws = np.random.default_rng(0).choice(values, (1000, len(values)))
    return np.median(values), *np.percentile(np.median(draws, axis=1), (2.5, 97.5))


def table(scores: dict[str, list[tuple[float, float, float]]], numbers: Sequence[int]) -> str:
    lines = ["| speakers | " + " | ".join(scores) + " |", "|---:|" + "---:|" * len(scores)]
    for row, number in enumerate(numbers):
        cells = [
            f"{median:.2f} ±{(high - low) / 2:.2f}" for median, low, high in (s[row] for s in scores.values())
        ]
        lines.append(f"| {number} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(scores: dict[str, list[tuple[float, float, float]]], numbers: Sequence[int], metric: str) -> Figure:
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, values in scores.items():
        medians, low, high = zip(*values)
        axes.plot(numbers, medians, marker="o", label=name)
        axes.fill_between(numbers, low, high, alpha=0.1)
    axes.set_xscale("log")
    axes.set_xticks(numbers, numbers)
    axes.minorticks_off()
    axes.set(xlabel="training speakers", ylabel=f"{metric}, median")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def plot(args: argparse.Namespace) -> None:
    numbers = sorted(set(args.numbers))
    folder = "tse_speakers_{}_{}"
    scores = {
        name: [
            read_score(args.output_dir / folder.format(number, name) / "scoring" / args.metric)
            for number in numbers
        ]
        for name in args.test_sets
    }
    print(table(scores, numbers))
    # The same scores give the same file.
    with rc_context({"svg.hashsalt": "number_of_speakers"}), atomic_write(
        args.output_dir / "number_of_speakers.svg", "wb"
    ) as file:
        draw(scores, numbers, args.metric).savefig(file, format="svg", metadata={"Date": None})


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(message)s")
    return run_command("plot_number_of_speakers", lambda: plot(args))


if __name__ == "__main__":
    sys.exit(main())

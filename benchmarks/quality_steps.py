#!/usr/bin/env python3
"""Scores of several decodings of one diffusion or flow against the evaluations of its network: a table and a picture.

python3 benchmarks/quality_steps.py exp/tse_x/decode_steps_*_test [--metrics si_sdr dnsmos_ovrl ...] --output exp/tse_x/steps.png
Each folder has decode.json and scoring/result.json; the report's page shows pictures of this name.
"""

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure


def read(folder: Path, metrics: list[str]) -> dict:
    """Settings, evaluations a chunk, and (mean, low, high) of each metric."""
    decoding = json.loads((folder / "decode.json").read_text(encoding="utf-8"))
    result = json.loads((folder / "scoring" / "result.json").read_text(encoding="utf-8"))
    settings = decoding["settings"]
    scores = {}
    for name in metrics:
        entry = result["metrics"].get(name) or result["wer"].get(name, {})
        mean = entry.get("mean", entry.get("corpus"))
        scores[name] = None if mean is None else (mean, *entry["ci95"])
    return {
        "sampler": settings.get("sampler", settings.get("solver")),
        "steps": settings["steps"],
        "scores": scores,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--metrics", nargs="+", default=["si_sdr", "dnsmos_ovrl", "spk_resemblyzer"])
    parser.add_argument("--output", required=True, type=Path)
    args = parser.parse_args()
    rows = sorted((read(folder, args.metrics) for folder in args.folders), key=lambda row: row["steps"])
    print("| sampler | steps | " + " | ".join(args.metrics) + " |")
    print("|:---|---:|" + "---:|" * len(args.metrics))
    for row in rows:
        cells = [f"{row['scores'][name][0]:.3f}" if row["scores"][name] else "-" for name in args.metrics]
        print(f"| {row['sampler']} | {row['steps']} | " + " | ".join(cells) + " |")
    figure = Figure(figsize=(4 * len(args.metrics), 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(args.metrics), squeeze=False)[0], args.metrics):
        for sampler in sorted({row["sampler"] for row in rows}):
            kept = [row for row in rows if row["sampler"] == sampler and row["scores"][name]]
            steps, means = [row["steps"] for row in kept], [row["scores"][name][0] for row in kept]
            low, high = ([row["scores"][name][place] for row in kept] for place in (1, 2))
            axes.plot(steps, means, marker="o", label=sampler)
            axes.fill_between(steps, low, high, alpha=0.15)
        axes.set_xscale("log")
        axes.set_xticks(sorted({row["steps"] for row in rows}), sorted({row["steps"] for row in rows}))
        axes.minorticks_off()
        axes.set_xlabel("steps")
        axes.set_title(name)
        axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(args.output, dpi=120)


if __name__ == "__main__":
    main()

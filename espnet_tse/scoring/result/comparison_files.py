"""A comparison as Markdown and JSON."""

from dataclasses import asdict
from pathlib import Path

from espnet_tse.io.files import atomic_write, write_json
from espnet_tse.scoring.result.compare import Comparison
from espnet_tse.scoring.result.markdown import escape


def comparison_markdown(comparison: Comparison) -> str:
    """The table and its remarks."""
    systems = list(dict.fromkeys(line.system for line in comparison.lines))
    # Several systems share the column, and each line names its own.
    names = f"{escape(comparison.first)} | {escape(systems[0]) if len(systems) == 1 else 'system'}"
    lines = [
        f"# Against {escape(comparison.first)}",
        "",
        f"| system | metric | scored | {names} | difference | 95 % interval | p | p (Holm) | |",
        "|:---|:---|---:|---:|---:|---:|---:|---:|---:|:---|",
    ]
    for line in comparison.lines:
        arrow = {True: " ↑", False: " ↓", None: ""}[line.higher_is_better]
        interval = "–" if line.test.ci95 is None else "{:.4g} to {:.4g}".format(*line.test.ci95)
        difference = f"{line.test.difference:+.4g}"
        cells = [
            escape(line.system),
            f"{line.metric}{arrow}",
            line.coverage,
            f"{line.first:.4g}",
            f"{line.second:.4g}",
            f"**{difference}**" if line.firm else difference,
            interval,
            f"{line.test.p_value:.4f}",
            "–" if line.p_holm is None else f"{line.p_holm:.4f}",
            line.verdict,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {escape(remark)}" for remark in comparison.remarks)]) + "\n"


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write compare.md and compare.json."""
    with atomic_write(folder / "compare.md") as file:
        file.write(comparison_markdown(comparison))
    lines = [{**asdict(line), "verdict": line.verdict or None} for line in comparison.lines]
    content = {"first": comparison.first, "lines": lines, "remarks": comparison.remarks}
    write_json(folder / "compare.json", content)

"""report.html: one file with everything in it, opened from disk without a network."""

import logging
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from markupsafe import Markup

from espnet_tse.io.files import atomic_write
from espnet_tse.report.curve_chart import draw_curve
from espnet_tse.report.group_tables import GroupTables, all_results
from espnet_tse.report.html_figures import figures_section, find_figures
from espnet_tse.report.html_listening import listening_section
from espnet_tse.report.html_reproducibility import reproducibility_section
from espnet_tse.report.html_scores import scores_section, utterances_section
from espnet_tse.report.html_summary import summary_section
from espnet_tse.report.listening_cards import collect_cards
from espnet_tse.report.page_data import page_json
from espnet_tse.report.page_templates import render
from espnet_tse.report.provenance import TrainedSystem, environment, find_trained_systems
from espnet_tse.report.training_curves import TrainingLog, read_training_logs
from espnet_tse.scoring.result.scored_set import ScoredSet

# The browser itself refuses whatever is not inside the file.
POLICY = (
    "default-src 'none'; img-src data:; media-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
SECTIONS = (
    ("results", "Results"),
    ("scores", "Scores"),
    ("listen", "Listen"),
    ("utterances", "Utterances"),
    ("training", "Training"),
    ("reproducibility", "Reproducibility"),
)
# One script of all, in this order: later ones use the names of earlier ones.
SCRIPTS = (
    "draw.js",
    "theme.js",
    "edges.js",
    "player.js",
    "dock.js",
    "charts.js",
    "scatter.js",
    "bars.js",
    "table.js",
    "page.js",
)


@dataclass(frozen=True)
class PageOptions:
    """What goes into the page."""

    title: str = "Target speaker extraction: results"
    num_utterances: int = 12  # with audio, of each test set
    max_mb: float = 40.0  # audio and pictures together
    utterances: tuple[str, ...] = ()  # keys with audio whatever their score


def write_page(path: Path, groups: list[GroupTables], exp_dir: Path | None, options: PageOptions) -> None:
    """Write the page and log its size.

    Raises:
        DataError: scores or configs cannot be read.
    """
    page = build_page(groups, exp_dir, options)
    with atomic_write(path) as file:
        file.write(page)
    logging.info("%s: %.1f MB", path, path.stat().st_size / 1e6)


def build_page(groups: list[GroupTables], exp_dir: Path | None, options: PageOptions) -> str:
    """The page's HTML."""
    results = all_results(groups)
    listening = collect_cards(groups, options.num_utterances, options.max_mb, options.utterances)
    systems = find_trained_systems(exp_dir) if exp_dir is not None else []
    logs = {system.folder: read_training_logs(system.folder) for system in systems}
    facts = environment(results)
    sections = [
        summary_section(groups),
        scores_section(groups),
        listening_section(groups, listening),
        utterances_section(groups),
        training_section(systems, logs),
        reproducibility_section(facts, systems, logs, results),
    ]
    links, figures = list(SECTIONS), find_figures(exp_dir) if exp_dir is not None else []
    if figures:
        before = [name for name, _ in SECTIONS].index("training")
        links.insert(before, ("figures", "Figures"))
        sections.insert(before, figures_section(figures))
    page = render(
        "page.html",
        title=options.title,
        lead=lead(results, dict(facts)["date"]),
        policy=POLICY,
        links=links,
        sections=sections,
        data=page_json(groups, listening.cards),
        style=Markup(asset("report.css")),
        script=Markup("\n".join(asset(name) for name in SCRIPTS)),
    )
    return f"{page}\n"


def lead(results: list[ScoredSet], date: str) -> str:
    """How many systems and test sets the page shows, and when they were scored."""
    num_systems = len({result.system for result in results if not result.is_reference})
    num_sets = len({result.test_set for result in results})
    return f"{count(num_systems, 'system')} on {count(num_sets, 'test set')} · {date}"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def asset(name: str) -> str:
    return resources.files("espnet_tse.report").joinpath("assets", name).read_text(encoding="utf-8")


def training_section(systems: list[TrainedSystem], logs: dict[Path, TrainingLog]) -> Markup:
    """The curves of every system that logged any."""
    charts = [(each.folder.name, logs[each.folder]) for each in systems]
    drawn = [(name, [draw_curve(log, stat) for stat in log.curves()]) for name, log in charts if log.curves()]
    return render("training.html", systems=drawn)

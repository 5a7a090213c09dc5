"""report.html: one file with everything in it, opened from disk without a network."""

import logging
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from espnet_tse.io.files import atomic_write
from espnet_tse.report.html_listening import collect_cards, listening_section
from espnet_tse.report.html_reproducibility import reproducibility_section
from espnet_tse.report.html_scores import scores_section, utterances_section
from espnet_tse.report.html_summary import summary_section
from espnet_tse.report.html_tree import Html, element
from espnet_tse.report.page_data import page_json
from espnet_tse.report.provenance import TrainedSystem, environment, find_trained_systems
from espnet_tse.report.results_table import GroupTables, all_results
from espnet_tse.report.training_curves import TrainingLog, draw_curve, read_training_logs

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
NO_SCRIPT = "Charts, players and the per-utterance table of this page need JavaScript, which is off here."
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
    results = all_results(groups)
    listening = collect_cards(groups, options.num_utterances, options.max_mb, options.utterances)
    systems = find_trained_systems(exp_dir) if exp_dir is not None else []
    logs = {system.folder: read_training_logs(system.folder) for system in systems}
    facts = environment(results)
    num_systems = len({result.system for result in results if not result.is_reference})
    num_sets = len({result.test_set for result in results})
    lead = f"{count(num_systems, 'system')} on {count(num_sets, 'test set')} · {dict(facts)['date']}"
    sections = [
        summary_section(groups),
        scores_section(groups),
        listening_section(groups, listening),
        utterances_section(groups),
        training_section(systems, logs),
        reproducibility_section(facts, systems, logs, results),
    ]
    links = [element("li", element("a", name, href=f"#{id_}")) for id_, name in SECTIONS]
    body = element(
        "body",
        element("header", element("h1", options.title), element("p", lead, class_="lead")),
        element("nav", element("ul", links), theme_button(), aria_label="sections"),
        element("noscript", element("p", NO_SCRIPT, class_="notice")),
        element("main", sections),
        element("footer", "Written by espnet-tse report; this file needs no network."),
        element("script", page_json(groups, listening.cards), type="application/json", id="data"),
        element("script", Html("\n".join(asset(name) for name in SCRIPTS))),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", options.title),
        element("style", Html(asset("report.css"))),
    )
    return "<!DOCTYPE html>\n" + element("html", head, body, lang="en") + "\n"


def theme_button() -> Html:
    return element(
        "button", "◐", type="button", id="theme", aria_label="light or dark", title="light or dark"
    )


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def asset(name: str) -> str:
    return resources.files("espnet_tse.report").joinpath("assets", name).read_text(encoding="utf-8")


def training_section(systems: list[TrainedSystem], logs: dict[Path, TrainingLog]) -> Html:
    parts: list[Html] = [element("h2", "Training")]
    drawn = 0
    for system in systems:
        log = logs[system.folder]
        charts = [draw_curve(log, name) for name in log.curves()]
        if charts:
            drawn += 1
            parts.append(element("h3", system.folder.name))
            parts.append(element("div", element("div", charts, class_="curves"), class_="card"))
    if not drawn:
        text = "No train.log with two validations or more beside a config.yaml below the experiment folder."
        parts.append(element("p", text, class_="muted"))
    return element("section", parts, id="training")

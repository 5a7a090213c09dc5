"""Pictures that other commands have left in the experiment folder."""

import base64
import logging
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from espnet_tse.io.visible_files import files_below
from espnet_tse.report.collect import is_replaced
from espnet_tse.report.page_templates import render

# Name of a file -> what it shows.
FIGURES = {
    "di.png": "What is removed, what is added",
    "front_end_asr.png": "Recognisers with and without a system in front of them",
    "steps.png": "Quality against the number of steps",
}
PNG = b"\x89PNG\r\n\x1a\n"
LARGEST = 4_000_000  # bytes of one picture


@dataclass(frozen=True)
class Figure:
    """One picture of the page."""

    title: str
    place: str  # relative to the experiment folder
    source: str  # data URI


def find_figures(exp_dir: Path) -> list[Figure]:
    """All pictures of known names, in the order of ``FIGURES``; what is no picture is left out with a warning.

    What tse.sh moved aside (``is_replaced``) is left out.
    """
    figures, files = [], sorted(files_below(exp_dir))
    for name, title in FIGURES.items():
        for path in [path for path in files if path.name == name]:
            if any(is_replaced(part) for part in path.relative_to(exp_dir).parts):
                continue
            content = path.read_bytes()
            if not content.startswith(PNG) or len(content) > LARGEST:
                logging.warning("%s: no PNG of at most %.0f MB; it is left out", path, LARGEST / 1e6)
                continue
            encoded = base64.b64encode(content).decode("ascii")
            place = path.parent.relative_to(exp_dir).as_posix()
            figures.append(Figure(title, place, f"data:image/png;base64,{encoded}"))
    return figures


def figures_section(figures: list[Figure]) -> Markup:
    """The pictures under their titles."""
    return render("figures.html", figures=figures)

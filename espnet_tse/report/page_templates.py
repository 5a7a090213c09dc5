"""The Jinja2 templates of the page: all values are escaped, a missing one is an error."""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape


def breakable(name: str) -> Markup:
    """A name such as ``laura_tse_small †``: it may break after underscores and dashes, not at its mark."""
    return Markup(re.sub(r"([_-])", r"\1<wbr>", str(escape(bind_marks(name)))))


def bind_marks(text: str) -> str:
    """The marks of a name, with no-break spaces before them."""
    return re.sub(" (?=[†‡])", "\N{NO-BREAK SPACE}", text)


def minus(figure: str) -> str:
    """A number with the sign that is as wide as a plus."""
    return figure.replace("-", "−")


def arrow(higher_is_better: bool | None) -> str:
    """Which direction is better, to stand behind a column's head; "" where none is."""
    return {True: " ↑", False: " ↓", None: ""}[higher_is_better]


_templates = Environment(
    loader=PackageLoader("espnet_tse.report", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {"breakable": breakable, "bind_marks": bind_marks, "minus": minus, "arrow": arrow}


def render(template: str, **values) -> Markup:
    """A template of ``templates/`` with these values; the result may stand in another one unescaped."""
    return Markup(_templates.get_template(template).render(**values).strip())

"""Building HTML from nested calls; text is escaped unless it was built here."""

import re
from html import escape
from typing import Iterable

VOID_TAGS = {"img", "meta", "input", "br", "wbr", "line", "circle", "rect", "polyline", "path"}


class Html(str):
    """A string that is already HTML; every other string is text and gets escaped."""


def element(tag: str, *children, **attributes) -> Html:
    """One element.

    Args:
        children: Html, text, numbers, None (nothing), or iterables of these.
        attributes: ``class_`` and ``for_`` lose the underscore, others turn ``_`` into ``-``;
            None and False leave the attribute out, True writes it without a value.
    """
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    shown = "".join(
        f" {names[key]}" if value is True else f' {names[key]}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in VOID_TAGS and not children:
        return Html(f"<{tag}{shown}>" if tag in ("img", "meta", "input", "br", "wbr") else f"<{tag}{shown}/>")
    return Html(f"<{tag}{shown}>{join(children)}</{tag}>")


def join(content: Iterable) -> Html:
    """The children of an element as one string."""
    parts = []
    for child in content:
        if child is None:
            continue
        if isinstance(child, Html):
            parts.append(str(child))
        elif isinstance(child, (str, int, float)):
            parts.append(escape(str(child)))
        else:
            parts.append(str(join(child)))
    return Html("".join(parts))


def breakable(name: str) -> Html:
    """A name such as ``laura_tse_small †`` that may be broken after its underscores and dashes, not at its mark."""
    return Html(re.sub(r"([_-])", r"\1<wbr>", escape(bind_marks(name))))


def bind_marks(text: str) -> str:
    """The marks of a name, with no-break spaces before them."""
    return re.sub(" (?=[†‡])", "\N{NO-BREAK SPACE}", text)


def two_lines(head: str, mark: str = "") -> Html:
    """A column's head; what stands in brackets, as the model in ``spk(resemblyzer)``, goes below."""
    name, bracket, model = head.partition("(")
    below = element("span", model.removesuffix(")"), class_="model") if bracket else None
    return join([name.strip() + mark, below])


def minus(figure: str) -> str:
    """A number with the sign that is as wide as a plus."""
    return figure.replace("-", "−")

"""Refusing names nobody knows, with the nearest name that is known."""

from difflib import get_close_matches
from typing import Iterable


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, None where none is near.

    A name that begins known ones is taken for an abbreviation of the shortest of them.
    """
    known = sorted(known)
    longer = [other for other in known if len(name) > 1 and other.startswith(name)]
    if longer:
        return min(longer, key=len)
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.5)), None)


def check_known(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise one error for all unknown names.

    Args:
        names: what the user wrote.
        known: what there is.
        where: the option or file the names stand in; begins the message.
    Raises:
        ValueError: names every unknown one, its nearest known name, and all known names.
    """
    known = sorted(known)
    faults = []
    for name in names:
        if name in known:
            continue
        near = nearest_name(str(name), known)
        faults.append(f"unknown '{name}'" + (f" (did you mean '{near}'?)" if near else ""))
    if faults:
        raise ValueError(f"{where}: {', '.join(faults)}; known: {', '.join(known) or 'none'}")

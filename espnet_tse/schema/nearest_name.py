"""Refusing names nobody knows, with the nearest name that is known."""

from difflib import get_close_matches
from typing import Iterable


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
        near = get_close_matches(str(name), known, n=1, cutoff=0.5)
        faults.append(f"unknown '{name}'" + (f" (did you mean '{near[0]}'?)" if near else ""))
    if faults:
        raise ValueError(f"{where}: {', '.join(faults)}; known: {', '.join(known) or 'none'}")

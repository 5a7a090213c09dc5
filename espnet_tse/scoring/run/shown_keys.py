"""Keys named in a message: a few, and how many more there are."""

SHOWN = 5


def some(keys: list[str]) -> str:
    """The first keys, and how many more there are."""
    shown = ", ".join(sorted(keys)[:SHOWN])
    return shown + (f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else "")

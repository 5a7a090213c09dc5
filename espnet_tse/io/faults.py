"""Faults of many entries, told together: one run, and not one for each, shows all that is to be fixed."""

from typing import Callable

from espnet_tse.io.scp import DataError

SHOWN = 10  # of many faults


def fault_of(check: Callable[..., object], *args: object) -> str | None:
    """The message of the DataError that ``check`` raises, if it does."""
    try:
        check(*args)
    except DataError as error:
        return str(error)
    return None


def refuse_all(faults: list[str]) -> None:
    """Raise DataError where there are faults, each of one entry."""
    if len(faults) == 1:
        raise DataError(faults[0])
    if faults:
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise DataError("\n  ".join([f"{len(faults)} entries cannot be used:", *faults[:SHOWN], *more]))

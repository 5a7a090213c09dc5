"""Parts of an array job."""

from typing import Sequence, TypeVar

from espnet_tse.io.scp import DataError

Item = TypeVar("Item")


def parse_shard(text: str) -> tuple[int, int]:
    """'J/N' -> (J, N), 1 <= J <= N.

    Raises:
        DataError: not of that form.
    """
    part, _, count = text.partition("/")
    # isdecimal: int() takes no "²", which is a digit.
    if not (part.isdecimal() and count.isdecimal() and 1 <= int(part) <= int(count)):
        raise DataError(f"--shard '{text}': want J/N with 1 <= J <= N, e.g. 2/8.")
    return int(part), int(count)


def take_shard(items: Sequence[Item], shard: tuple[int, int] | None) -> list[Item]:
    """Every N-th item from the J-th on; all items without a shard."""
    if shard is None:
        return list(items)
    part, count = shard
    return list(items[part - 1 :: count])

"""All targets of a TSE directory: each ``spk<n>.scp`` with an ``enroll_spk<n>.scp`` is one."""

import re
from itertools import count
from typing import Iterable

from espnet_tse.io.activity_list import UNKNOWN

Lists = dict[str, dict[str, str]]  # name of a list -> key -> value

OF_A_SOURCE = re.compile(r"(spk|dereverb|text_spk)(\d+)(\.scp)?")
# There are none of the others.
OF_THE_FIRST_TARGET = ("utt2regions", "utt2enrollspk", "utt2interferer", "utt2sir")


def target_numbers(names: Iterable[str]) -> list[int]:
    """n of every target: ``spk<n>.scp`` and ``enroll_spk<n>.scp`` are among the names, for n without a gap."""
    names, numbers = set(names), []
    for number in count(1):
        if not {f"spk{number}.scp", f"enroll_spk{number}.scp"} <= names:
            return numbers
        numbers.append(number)


def with_all_targets(lists: Lists) -> Lists:
    """Lists in which every row has one target: ``spk1.scp``, enrolled by ``enroll_spk1.scp``.

    Where there are several targets, mixture ``key`` becomes the rows ``key#spk1``, ``key#spk2`` ...; of each
    the target is ``spk1.scp``, with its transcript and its dereverberated source, and the other sources follow
    in their order. ``utt2spk`` names the target's speaker, as far as it is known: by ``*UID SPEAKER`` of the
    enrollment, or for the first target by ``utt2spk``. It repeats the key where it is not. ``utt2activity`` is
    that of the first target, and unknown of the others.

    Args:
        lists: ``wav.scp`` and what else the directory holds by key.
    """
    numbers = target_numbers(lists)
    if len(numbers) < 2:
        return lists
    sources = list(count_up(lists, "spk"))
    expanded: Lists = {}
    for number in numbers:
        order = [number, *(n for n in sources if n != number)]
        for name, entries in lists.items():
            new_name = renamed(name, number, order)
            if new_name is None:
                continue
            rows = expanded.setdefault(new_name, {})
            for key, value in entries.items():
                new_key = f"{key}#spk{number}"
                if name == "utt2spk":
                    enrolled = lists[f"enroll_spk{number}.scp"].get(key, "")
                    value = speaker_of(enrolled, value if number == 1 and value != key else None) or new_key
                if name == "utt2activity" and number > 1:
                    value = UNKNOWN
                rows[new_key] = value
    return expanded


def count_up(names: Iterable[str], stem: str) -> Iterable[int]:
    """1, 2 ... as long as ``<stem><n>.scp`` is among the names."""
    names = set(names)
    for number in count(1):
        if f"{stem}{number}.scp" not in names:
            return
        yield number


def renamed(name: str, target: int, order: list[int]) -> str | None:
    """The list of the expanded rows that a list goes into; None for none.

    Args:
        target: number of the rows' target among the sources.
        order: numbers of the sources, the target's first.
    """
    if name.startswith("enroll_spk"):
        return "enroll_spk1.scp" if name == f"enroll_spk{target}.scp" else None
    if name in OF_THE_FIRST_TARGET:
        return None
    found = OF_A_SOURCE.fullmatch(name)
    if found is None or int(found[2]) not in order:
        return name
    return f"{found[1]}{order.index(int(found[2])) + 1}{found[3] or ''}"


def speaker_of(enrollment: str | None, listed: str | None) -> str | None:
    """The target's speaker: of a line ``*UID SPEAKER``, or as ``utt2spk`` has it; None where nothing says."""
    fields = (enrollment or "").split()
    if len(fields) == 2 and fields[0].startswith("*"):
        return fields[1]
    return listed

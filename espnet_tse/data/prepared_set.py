"""Mixtures of a corpus as rows of ``data/<set>``: one a mixture and target speaker."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Mapping, Protocol, Sequence

from espnet_tse.data.own_enrollments import Mixed, Row
from espnet_tse.data.scp_fields import PROTOCOL, SPEAKER_ENROLLMENTS, turned_round
from espnet_tse.data.targets import Lists
from espnet_tse.io.files import atomic_write, write_json
from espnet_tse.io.replaced_folder import replaced_folder
from espnet_tse.io.scp import write_scp

Pool = dict[str, list[tuple[str, str]]]  # speaker -> utterance ids and paths
UNPUBLISHED = ", unpublished mixtures"  # in a list's name: no published figures stand beside its scores


class Located(Protocol):
    """A set of a corpus that knows where its audio is."""

    def path(self, signal: str, mixture_id: str) -> Path: ...


@dataclass(frozen=True)
class PreparedSet:
    """What a data directory will hold."""

    lists: Lists  # name of a list -> key -> value
    pool: Pool  # of spk2enroll.json; empty where every enrollment is fixed
    description: dict[str, object]  # of the file protocol


def row_key(mixture_id: str, number: int, targets: Sequence[int]) -> str:
    """The mixture's name; with the target's number, as stage 2 has it, where a mixture has several rows."""
    return mixture_id if len(targets) == 1 else f"{mixture_id}#spk{number}"


def drawn_enrollments(specs: Sequence[Mixed], targets: Sequence[int]) -> dict[Row, str]:
    """Values of ``enroll_spk1.scp`` by row: another utterance of the target's speaker, drawn each epoch."""
    return {
        (spec.mixture_id, n): f"*{spec.utterances[n - 1]} {spec.speakers[n - 1]}"
        for spec in specs
        for n in targets
    }


def row_lists(
    parts: Sequence[tuple[Located, Sequence[Mixed]]],
    targets: Sequence[int],
    mixture: str,
    sources: Sequence[str],
    enrollments: Mapping[Row, str],
) -> Lists:
    """Lists by row.

    Args:
        parts: sets that become one, with their mixtures.
        targets: numbers of the speakers that are targets.
        mixture: the signal of the mixture, as ``path`` of a set has it.
        sources: signals of what was mixed: s1, s2 ..., noise.
        enrollments: row -> value of ``enroll_spk1.scp``.
    """
    lists: Lists = {}

    def add(name: str, key: str, value: object) -> None:
        lists.setdefault(name, {})[key] = str(value)

    speakers = [int(name[1:]) for name in sources if name != "noise"]
    for target, specs in parts:
        for spec in specs:
            for number in targets:
                key = row_key(spec.mixture_id, number, targets)
                add("wav.scp", key, target.path(mixture, spec.mixture_id))
                for place, other in enumerate([number, *(n for n in speakers if n != number)], 1):
                    add(f"spk{place}.scp", key, target.path(f"s{other}", spec.mixture_id))
                if "noise" in sources:
                    add("noise1.scp", key, target.path("noise", spec.mixture_id))
                add("enroll_spk1.scp", key, enrollments[spec.mixture_id, number])
                add("utt2spk", key, spec.speakers[number - 1])
    lists["spk2utt"] = turned_round(lists["utt2spk"])
    return lists


def folders_of(prepared: PreparedSet) -> set[Path]:
    """Where the audio of a set lies."""
    listed = (entries.values() for name, entries in prepared.lists.items() if name.endswith(".scp"))
    drawn = (path for utterances in prepared.pool.values() for _, path in utterances)
    paths = chain(chain.from_iterable(listed), drawn)
    return {Path(path).parent for path in paths if not path.startswith("*")}  # a star: drawn in training


def write_set(directory: Path, prepared: PreparedSet) -> None:
    """``data/<set>``, in place of what was there.

    Raises:
        DataError: audio of the set lies in it, or other sets do.
    """
    with replaced_folder(directory, folders_of(prepared)) as work:
        for name, entries in prepared.lists.items():
            write_scp(work / name, entries)
        if prepared.pool:
            write_json(work / SPEAKER_ENROLLMENTS, prepared.pool)
        with atomic_write(work / PROTOCOL) as file:
            file.writelines(f"{name}: {value}\n" for name, value in prepared.description.items())

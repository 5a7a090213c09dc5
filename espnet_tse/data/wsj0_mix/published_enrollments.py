"""SpEx+'s enrollments of WSJ0-2mix, which WHAM! and WHAMR! can share; their lists are read from a folder, none is shipped."""

from pathlib import Path
from typing import Mapping, Sequence

from espnet_tse.data.own_enrollments import Enrollment, Row
from espnet_tse.data.wsj0 import Wsj0Utterance, speaker_of
from espnet_tse.data.wsj0_mix.layout import TITLES
from espnet_tse.data.wsj0_mix.mixtures import Wsj0Mixture
from espnet_tse.io.scp import DataError, read_filled_scp

FOLDERS = ("data/wsj0_2mix", "wsj0_2mix", ".")


def spex_enrollments(
    mixtures: Sequence[Wsj0Mixture],
    targets: Sequence[int],
    name: str,
    lists: Path,
    known: Mapping[str, Wsj0Utterance],
) -> dict[Row, Enrollment]:
    """SpEx+'s list of a set: an utterance of WSJ0 by row; ESPnet's recipe wsj0_2mix/tse1 takes it, too.

    Format: ``aux.scp`` of github.com/gemengtju/SpEx_Plus, ``data/wsj0_2mix/{tr,cv,tt}``, commit e97c6d13: key
    ``<mixture>_<utterance>`` and a path of another machine, which is not used. The utterance's speaker says which of the two
    is the target.

    Args:
        known: WSJ0's utterances by id.
    Raises:
        DataError: there is no such list, it lacks a row, or names an utterance that WSJ0 does not have here.
    """
    path = spex_list(lists, name)
    listed: dict[tuple[str, str], str] = {}  # mixture, speaker -> utterance
    for key in read_filled_scp(path, "fetch it again"):
        mixture_id, _, utterance = key.rpartition("_")
        # Where a mixture and speaker stand there again, the first line counts.
        listed.setdefault((mixture_id, speaker_of(utterance)), utterance)
    chosen: dict[Row, Enrollment] = {}
    for mixture in mixtures:
        for number in targets:
            speaker = mixture.speakers[number - 1]
            utterance = listed.get((mixture.mixture_id, speaker))
            if utterance is None:
                raise DataError(
                    f"{path}: has no line for mixture '{mixture.mixture_id}' and speaker '{speaker}'; is it the list of "
                    f"{TITLES['wsj0_2mix']}'s {name}, and whole?"
                )
            if utterance not in known:
                raise DataError(
                    f"{path}: '{utterance}' enrolls '{mixture.mixture_id}', but is not in WSJ0; is WSJ0 whole?"
                )
            chosen[mixture.mixture_id, number] = Enrollment(known[utterance].path, utterance)
    return chosen


def spex_list(lists: Path, name: str) -> Path:
    """The file of a set, below a clone of SpEx+ or its ``data/wsj0_2mix``."""
    for folder in FOLDERS:
        if (lists / folder / name / "aux.scp").is_file():
            return lists / folder / name / "aux.scp"
    raise DataError(
        f"{lists}: holds no {name}/aux.scp; ENROLLMENT_LISTS names a clone of github.com/gemengtju/SpEx_Plus or its folder "
        "data/wsj0_2mix."
    )

"""What is known of the enrolled voices of extractions, told and kept beside the estimates."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Iterator, Mapping

import numpy as np

from espnet_tse.io.audio import read_audio_blocks, resampled_blocks
from espnet_tse.io.audio_entry import read_info
from espnet_tse.io.files import atomic_write
from espnet_tse.io.json_lines import whole_rows
from espnet_tse.io.scp import DataError
from espnet_tse.models.long_form import Effort
from espnet_tse.schema.presence import SHORT_SPEECH_S, Presence
from espnet_tse.tasks.extractor import Extractor

QUIET_DB = -25.0  # of an output against its mixture
PRESENCE = "presence.jsonl"  # a line a mixture: its key and the fields of ``Presence``


def presence_in_file(
    extractor: Extractor, estimate: Path, enrollment: np.ndarray, effort: Effort, compare: bool = True
) -> Presence:
    """As ``Extractor.presence``, of a long recording that has been written."""
    rate = extractor.sample_rate
    blocks = resampled_blocks(read_audio_blocks(estimate), read_info(str(estimate)).sample_rate, rate)
    level_db = effort.diagnostics["level_db"][0]
    if compare:  # of an hour a matter of minutes
        logging.info(f"{estimate}: its voice is compared with that of the enrollment")
    return extractor.presence_judge.judge(blocks, rate, enrollment, level_db, compare)


def read_presences(folder: Path) -> dict[str, Presence]:
    """By key; none where the folder has no record. What a killed run had not written to the end of its line is left out.

    Raises:
        DataError: it cannot be read.
    """
    path = folder / PRESENCE
    if not path.is_file():
        return {}
    try:
        return {row.pop("key"): Presence(**row) for row in whole_rows(path)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); remove it, and it is begun anew.") from None


def write_presences(folder: Path, presences: Mapping[str, Presence]) -> None:
    """The whole record, in the order of ``presences``."""
    with atomic_write(folder / PRESENCE) as file:
        file.writelines(lines_of(presences))


def add_presences(folder: Path, presences: Mapping[str, Presence]) -> None:
    """Further rows at the end, so that a long list is not written again with each batch."""
    with (folder / PRESENCE).open("a", encoding="utf-8") as file:
        file.writelines(lines_of(presences))


def lines_of(presences: Mapping[str, Presence]) -> Iterator[str]:
    for key, presence in presences.items():
        yield json.dumps({"key": key, **asdict(presence)}, ensure_ascii=False) + "\n"


def tell_presences(presences: Mapping[str, Presence]) -> None:
    """How many outputs have the enrolled voice, where that can be said, and which enrollments are short of speech."""
    judged = [presence.present for presence in presences.values() if presence.present is not None]
    if judged:
        logging.info(f"{sum(judged)} of {len(judged)} outputs have the enrolled voice, likely")
    warn_of_short_speech({f"enrollment of '{key}'": presence.speech_s for key, presence in presences.items()})


def tell_of_quiet(presences: Mapping[str, Presence], level: str) -> None:
    """Say how outputs that have the voice are turned up, where some are so quiet that they may be taken for empty.

    Args:
        presences: what each output is called -> what is known of it.
        level: of the decoding settings.
    """
    quiet = [name for name, one in presences.items() if one.present and one.level_db < QUIET_DB]
    if quiet and level == "none":
        others = f" and {len(quiet) - 1} other outputs" if len(quiet) > 1 else ""
        logging.info(
            f"{quiet[0]}{others}: more than {-QUIET_DB:.0f} dB below the mixture; level: mixture_rms in an "
            "inference YAML turns it up (--inference_config)"
        )


def warn_of_short_speech(speech_s: Mapping[str, float]) -> None:
    """Warn of enrollments with less than ``SHORT_SPEECH_S`` of speech.

    Args:
        speech_s: what each enrollment is called -> seconds.
    """
    short = {name: seconds for name, seconds in speech_s.items() if seconds < SHORT_SPEECH_S}
    if short:
        name, seconds = next(iter(short.items()))
        others = (
            f", and {len(short) - 1} other enrollments less than {SHORT_SPEECH_S:.0f} s"
            if len(short) > 1
            else ""
        )
        logging.warning(
            f"the {name} has {seconds:.1f} s of speech{others}; below {SHORT_SPEECH_S:.0f} s it tells little of a voice: "
            "record more, or closer to the microphone"
        )

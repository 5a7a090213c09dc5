"""What is wrong with the recordings of an extraction, looked for before the first mixture."""

import logging
from pathlib import Path
from typing import Iterable, Mapping

from espnet_tse.io.audio import read_audio_blocks
from espnet_tse.io.audio_entry import AudioInfo, is_plain_file, read_info
from espnet_tse.io.faults import fault_of
from espnet_tse.tasks.signal_faults import refuse_constant, refuse_overload


def faults_of_audio(
    keys: Iterable[str], scp: Mapping[str, str], role: str, may_be_silent: bool = False
) -> list[str]:
    """As ``check_recording``, of the entries of ``keys``; one that several keys share is read once."""
    told = {
        entry: fault_of(check_recording, entry, role, may_be_silent) for entry in {scp[key] for key in keys}
    }
    return [f"key '{key}', {scp[key]}: {told[scp[key]]}" for key in keys if told[scp[key]]]


def check_recording(entry: str, role: str, may_be_silent: bool = False) -> None:
    """Read a recording; memory does not grow with its length.

    Args:
        role: mixture, enrollment or target.
    Raises:
        DataError: it cannot be read, has several channels, is digital silence or holds floats far beyond full scale.
    """
    lowest, highest, count = float("inf"), float("-inf"), 0
    for block in read_audio_blocks(entry):
        lowest, highest = min(lowest, float(block.min())), max(highest, float(block.max()))
        count += len(block)
    if lowest == highest and not may_be_silent:
        refuse_constant(lowest, highest, role, count, read_info(entry).sample_rate)
    refuse_overload(max(highest, -lowest), role)


def warn_of_low_rates(mixtures: Mapping[str, AudioInfo], sample_rate: int) -> None:
    """Warn of mixtures (name -> header) whose rate is below that of the model, Hz."""
    low = [name for name, info in mixtures.items() if info.sample_rate < sample_rate]
    if low:
        rate = mixtures[low[0]].sample_rate
        logging.warning(
            f"{low[0]}{others(low)}: a lower rate, {rate} Hz, than the model's {sample_rate} Hz; it was not trained on so "
            "narrow a band, and will extract less well"
        )


def warn_of_own_enrollments(pairs: Mapping[str, tuple[str, str]]) -> None:
    """Warn of mixtures that are their own enrollment.

    Args:
        pairs: name -> entries of mixture and enrollment.
    """
    same = [name for name, (mixture, enrollment) in pairs.items() if is_same(mixture, enrollment)]
    if same:
        logging.warning(
            f"{same[0]}{others(same)}: mixture and enrollment are one recording, which does not say whose voice is wanted; "
            "enroll by a recording in which that person alone speaks"
        )


def others(names: list[str]) -> str:
    return f" and {len(names) - 1} other mixtures" if len(names) > 1 else ""


def is_same(entry: str, other: str) -> bool:
    """Whether two entries name one recording."""
    plain = is_plain_file(entry) and is_plain_file(other)
    return entry == other or (plain and Path(entry).resolve() == Path(other).resolve())

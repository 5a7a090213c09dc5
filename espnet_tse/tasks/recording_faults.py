"""What is wrong with the recordings of an extraction, looked for before the first mixture."""

from typing import Iterable, Mapping

from espnet_tse.io.audio import read_audio_blocks
from espnet_tse.io.audio_entry import read_info
from espnet_tse.io.faults import fault_of
from espnet_tse.tasks.extractor import refuse_constant, refuse_overload


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

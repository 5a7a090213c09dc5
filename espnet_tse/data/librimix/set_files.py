"""A prepared set as files of a data directory."""

from pathlib import Path

from espnet_tse.data.librimix.lists import PreparedSet
from espnet_tse.data.scp_fields import PROTOCOL, SPEAKER_ENROLLMENTS
from espnet_tse.io.files import atomic_write, write_json
from espnet_tse.io.replaced_folder import replaced_folder
from espnet_tse.io.scp import write_scp


def write_set(directory: Path, prepared: PreparedSet) -> None:
    """``data/<set>``, in place of what was there."""
    with replaced_folder(directory) as work:
        for name, entries in prepared.lists.items():
            write_scp(work / name, entries)
        if prepared.pool:
            write_json(work / SPEAKER_ENROLLMENTS, prepared.pool)
        with atomic_write(work / PROTOCOL) as file:
            file.writelines(f"{name}: {value}\n" for name, value in prepared.description.items())

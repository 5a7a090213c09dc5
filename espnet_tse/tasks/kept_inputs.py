"""What is read is never written over."""

from pathlib import Path
from typing import Iterable, Mapping

from espnet_tse.io.audio_entry import file_of
from espnet_tse.io.scp import DataError


def refuse_inputs(outputs: Iterable[Path], inputs: Mapping[str, str]) -> None:
    """Raise DataError where a recording that is read would be written over.

    Args:
        outputs: files of recordings.
        inputs: what each entry is -> the entry, as "mixture of 'key'".
    """
    places = {file_of(entry).resolve(): role for role, entry in inputs.items()}
    for path in outputs:
        if role := places.get(path.resolve()):
            raise DataError(f"{path} is the {role}, which would be written over; name another place.")


def refuse_input_lists(
    output_dir: Path, shard: tuple[int, int] | None, names: Iterable[str], inputs: Iterable[Path | str | None]
) -> None:
    """Raise DataError where a list that is read would be written over, now or once shards are merged.

    Args:
        names: of the lists that are written.
        inputs: lists that are read; None for one that is not given.
    """
    lists = {Path(path).resolve() for path in inputs if path is not None}
    folders = [output_dir, *([output_dir / str(shard[0])] if shard else [])]
    for path in (folder / name for folder in folders for name in names):
        if path.resolve() in lists:
            raise DataError(
                f"{path} is a list that is read, which would be written over; name another --output_dir."
            )

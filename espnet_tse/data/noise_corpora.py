"""Recordings of noise corpora, in the layouts in which they are published."""

from pathlib import Path

from espnet_tse.io.nearest_name import check_known
from espnet_tse.io.scp import DataError
from espnet_tse.io.visible_files import visible_files

# Corpus -> where its recordings lie below its folder. MUSAN (OpenSLR-17): <kind>/<source>/<file>.wav, of which "noise" are
# noises and no speech or music. DEMAND: <environment>/ch01.wav ... ch16.wav, the channels of one array: the first stands for
# all, as in LibriMix-like sets one recording is wanted of each place.
LAYOUTS = {"musan": "noise/*/*.wav", "demand": "*/ch01.wav"}


def noise_recordings(corpus: str, folder: Path | str) -> dict[str, Path]:
    """Key -> path of the noises of a corpus, in the order of their names.

    Args:
        corpus: a key of ``LAYOUTS``.
        folder: what the archive unpacks to, or the folder above it.
    Raises:
        DataError: another corpus, or nothing of the layout is there.
    """
    try:
        check_known([corpus], LAYOUTS, where="--corpus")
    except ValueError as error:
        raise DataError(str(error)) from None
    folder = Path(folder)
    for root in (folder, folder / corpus, folder / corpus.upper()):
        paths = sorted(visible_files(root, LAYOUTS[corpus]))
        if paths:
            return {str(path.relative_to(root).with_suffix("")).replace("/", "-"): path for path in paths}
    raise DataError(
        f"{folder}: no {LAYOUTS[corpus]} below it; {corpus.upper()} names the folder that the archive of {corpus} unpacks to."
    )

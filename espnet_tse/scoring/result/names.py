"""The names of a system and a test set in the results."""

from pathlib import Path

from espnet_tse.scoring.run.options import ScoringOptions

AUDIO_FOLDERS = ("wav", "wavs", "audio")  # names that say nothing about a system


def system_name(options: ScoringOptions) -> str:
    """``--system``, or the folder of the estimates."""
    return options.system or folder_name(options.inf_scp, options.inf_dir)


def test_set_name(options: ScoringOptions) -> str:
    """``--test_set``, or the folder of the targets (of the estimates where there are none)."""
    return options.test_set or folder_name(options.ref_scp or options.inf_scp, options.inf_dir)


def folder_name(scp: Path | None, folder: Path | None) -> str:
    """The folder of a list, or of audio files; of one only called "wav" or alike, the folder above it."""
    place = scp.resolve().parent if scp else folder.resolve()
    return place.parent.name if place.name in AUDIO_FOLDERS else place.name

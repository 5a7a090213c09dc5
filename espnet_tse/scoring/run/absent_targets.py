"""Utterances whose target says nothing, as far as it is known before they are scored."""

from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.scene import digital_silence, open_source

SILENT = "silent"  # --absent: utterances whose target is digital silence


def is_absent(options: ScoringOptions, utterance: Utterance) -> bool:
    """Whether a target says nothing, by the lists or, with ``--absent silent``, by its samples."""
    return utterance.target_absent or is_silent_target(options, utterance.ref)


def is_silent_target(options: ScoringOptions, entry: str | None) -> bool:
    """Whether ``--absent silent`` means this target, which is read for it; ask only where that matters."""
    return options.absent == SILENT and digital_silence(open_source(entry, options.ref_channel))

"""Transcripts of a plan: of the targets, and what external recognisers heard."""

import logging

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.asr.option import AsrSpec
from espnet_tse.scoring.run.absent_targets import is_absent
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.shown_keys import some
from espnet_tse.scoring.run.transcript_file import read_transcript_file

log = logging.getLogger("espnet_tse.scoring")

FASTEST_SPEECH = 6  # words a second; sustained speech is never faster


def read_transcripts(
    options: ScoringOptions, specs: tuple[AsrSpec, ...], utterances: list[Utterance]
) -> dict[str, str]:
    """``--text``, key -> words; empty where it is not given.

    Raises:
        DataError: it lacks an utterance whose target speaks.
    """
    if not options.text:
        return {}
    text = read_transcript_file(options.text, utterances)
    lacking = [u.key for u in utterances if u.key not in text and not is_absent(options, u)]
    if lacking:
        raise DataError(f"{options.text}: lacks {len(lacking)} of {len(utterances)} keys: {some(lacking)}.")
    if not specs:
        log.info("n/a: wer (--text is given but no --asr; e.g. --asr external:<text>)")
    duration_s = sum(u.duration_s for u in utterances)
    words = sum(len(text.get(u.key, "").split()) for u in utterances)
    if duration_s and words / duration_s > FASTEST_SPEECH:
        log.warning(
            "%s holds %.1f words a second: if the audio was cut (LibriMix 'min' mode) but not the text, WER "
            "counts the missing words as deletions; use dwer or a trimmed text.",
            options.text,
            words / duration_s,
        )
    return text


def read_external_texts(
    options: ScoringOptions, specs: tuple[AsrSpec, ...], utterances: list[Utterance]
) -> dict[str, dict[str, dict[str, str]]]:
    """Tag of each external recogniser -> its texts of "estimate" and, where given, of "target", by key.

    Raises:
        DataError: neither ``--text`` nor texts of the targets are given, or these lack keys.
    """
    return {spec.tag: _texts_of(spec, options, utterances) for spec in specs if spec.kind == "external"}


def _texts_of(
    spec: AsrSpec, options: ScoringOptions, utterances: list[Utterance]
) -> dict[str, dict[str, str]]:
    texts = {"estimate": read_transcript_file(spec.estimate_text, utterances)}
    if spec.target_text:
        texts["target"] = read_transcript_file(spec.target_text, utterances)
        without = [u.key for u in utterances if u.key not in texts["target"] and not is_absent(options, u)]
        if without:
            raise DataError(f"{spec.target_text}: lacks {len(without)} keys: {some(without)}.")
    elif not options.text:
        raise DataError(
            f"--asr external:{spec.estimate_text}: needs --text (for wer) or a second file after a "
            "comma, the same recogniser's text of the clean targets (for dwer)."
        )
    return texts

"""What is known about the speakers and words of a mixture besides its audio."""

import math

from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.scoring.run.absent_targets import is_absent
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.shown_keys import some
from espnet_tse.scoring.run.transcript_file import read_transcript_file


def real_time_factors(options: ScoringOptions, utterances: list[Utterance]) -> dict[str, float]:
    """Key -> seconds of computing a second of audio, as recorded by the decoder.

    Raises:
        DataError: a value is not a number, or no utterance to score has one.
    """
    if not options.utt2rtf:
        return {}
    values = {}
    for key, text in read_scp(options.utt2rtf).items():
        try:
            values[key] = float(text)
        except ValueError:
            values[key] = math.nan
        if not (math.isfinite(values[key]) and values[key] >= 0):
            raise DataError(f"{options.utt2rtf}: key '{key}': '{text}' is no real-time factor; fix the line.")
    if not any(utterance.key in values for utterance in utterances):
        raise DataError(
            f"{options.utt2rtf}: has a value for none of the {len(utterances)} utterances; its keys are "
            f"{some(list(values))}, those to score {some([u.key for u in utterances])}."
        )
    return values


def gender_pairs(
    options: ScoringOptions, utterances: list[Utterance], speakers: dict[str, str]
) -> dict[str, str]:
    """Key -> "f with m" and the like, the target first; several interferers of both genders are "f+m".

    Utterances without an interferer have none.

    Args:
        speakers: key -> target speaker.
    Raises:
        DataError: a speaker has no gender.
    """
    if not options.spk2gender:
        return {}
    genders = {speaker: value[0].lower() for speaker, value in read_scp(options.spk2gender).items()}
    interferers = [read_scp(path) for path in options.intf_utt2spk]
    pairs = {}
    for utterance in utterances:
        key = utterance.key
        others = [scp[key] for scp in interferers if key in scp]
        unknown = [speaker for speaker in (speakers[key], *others) if speaker not in genders]
        if unknown:
            raise DataError(
                f"{options.spk2gender}: lacks the speaker(s) {some(unknown)} of utterance '{key}'."
            )
        if others:
            pairs[key] = f"{genders[speakers[key]]} with {'+'.join(sorted({genders[s] for s in others}))}"
    return pairs


def interferer_texts(options: ScoringOptions, utterances: list[Utterance]) -> dict[str, str]:
    """Key -> the words of all its interferers.

    Raises:
        DataError: an utterance whose target speaks is in none of the files.
    """
    if not options.intf_text:
        return {}
    files = [read_transcript_file(path, utterances) for path in options.intf_text]
    words = {u.key: [texts[u.key] for texts in files if u.key in texts] for u in utterances}
    lacking = [u.key for u in utterances if not words[u.key] and not is_absent(options, u)]
    if lacking:
        raise DataError(f"--intf_text: lacks {len(lacking)} of {len(utterances)} keys: {some(lacking)}.")
    return {key: " ".join(texts) for key, texts in words.items() if texts}

"""Which speakers of a set are one person: stage 2 makes copies of voices at other speeds and with other formants."""

import re
from typing import Iterable

PREFIXES = re.compile(r"(sp[0-9.]+-)?(fm[0-9.]+-)?")  # those that ``formatting.Voice`` gives its copies


def persons_of(speakers: Iterable[str]) -> dict[str, str]:
    """Speaker -> the speaker of the set whose voice was changed, or itself.

    A name that only looks like a copy's, because nobody has the name without the prefix, is a speaker of its own.
    """
    speakers = set(speakers)
    originals = {speaker: speaker[PREFIXES.match(speaker).end() :] for speaker in speakers}
    return {speaker: name if name in speakers else speaker for speaker, name in originals.items()}

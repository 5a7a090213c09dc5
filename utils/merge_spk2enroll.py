#!/usr/bin/env python3
"""Joins spk2enroll.json files, {speaker: [[utterance id, path], ...]}: merge_spk2enroll.py OUT IN ...

A speaker of several files gets the enrollments of all, in their order, an utterance once. Exit: 0 done, 1 a file is of
another form or two disagree about the path of an utterance, 2 wrong usage. OUT is written whole or not at all.
"""

import json
import os
import sys

FORM = "wants {speaker: [[utterance id, path], ...], ...}"


def unique_keys(pairs: list) -> dict:
    """An object whose keys differ; of equal ones json keeps the last, and enrollments would be lost."""
    speakers = dict(pairs)
    if len(speakers) < len(pairs):
        twice = next(key for key in speakers if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"speaker '{twice}' occurs twice; join its two lists")
    return speakers


def read_enrollments(path: str) -> dict[str, list[list[str]]]:
    """Raises ValueError with the file, and the speaker where there is one, for any other form."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            speakers = json.load(file, object_pairs_hook=unique_keys)
    except ValueError as error:  # neither JSON nor UTF-8
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(speakers, dict):
        raise ValueError(f"{path}: {FORM}")
    for speaker, enrollments in speakers.items():
        if not isinstance(enrollments, list) or not all(map(is_enrollment, enrollments)):
            raise ValueError(f"{path}: speaker '{speaker}': {FORM}")
    return speakers


def is_enrollment(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)


def merge(paths: list[str]) -> dict[str, list[list[str]]]:
    merged: dict[str, dict[str, str]] = {}
    for path in paths:
        for speaker, enrollments in read_enrollments(path).items():
            known = merged.setdefault(speaker, {})
            for utterance, audio in enrollments:
                if known.setdefault(utterance, audio) != audio:
                    raise ValueError(
                        f"{path}: speaker '{speaker}': utterance '{utterance}' is {audio}, but {known[utterance]} "
                        "in an earlier file; rename one of them, and the lines '*UTTERANCE SPEAKER' of its set"
                    )
    return {
        speaker: [[utterance, audio] for utterance, audio in known.items()] for speaker, known in merged.items()
    }


def main(words: list[str]) -> int:
    if len(words) < 2:
        print("Usage: merge_spk2enroll.py OUT IN ...", file=sys.stderr)
        return 2
    out, *paths = words
    try:
        merged = merge(paths)
        with open(f"{out}.tmp", "w", encoding="utf-8") as file:
            json.dump(merged, file, indent=2, ensure_ascii=False)
            file.write("\n")
        os.replace(f"{out}.tmp", out)
    except (ValueError, OSError) as error:
        print(f"merge_spk2enroll.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

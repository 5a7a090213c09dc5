#!/usr/bin/env python3
"""A set of WeSep (shard.list, spk2enroll.json or spk<n>.enroll with single.wav.scp) -> a data directory."""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Sequence

from wesep_shards import Recording, placed, read_shards, shards_of

from espnet_tse.io.command_line import CommandLine, run_command
from espnet_tse.io.files import atomic_write, write_json
from espnet_tse.io.replaced_folder import replaced_folder
from espnet_tse.io.scp import DataError, read_filled_scp, write_scp

MIXING = """\
# Single speakers of WeSep's online shards, mixed while training as its use_random_snr does; see doc/data_format.md.
num_speakers: {2: 1.0}
sir_db: [-10, 10]
enrollment: other_utterance
"""


def get_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    parser.add_argument(
        "--wesep_dir", type=Path, required=True, help="WeSep's folder of the set, as data/clean/train-100"
    )
    parser.add_argument(
        "--shard_list", default="shard.list", help="its list of shards (default: %(default)s)"
    )
    parser.add_argument(
        "--spk2utt", default="spk2enroll.json", help="its utterances of each speaker (default: %(default)s)"
    )
    parser.add_argument(
        "--output_dir", type=Path, required=True, help="as data/train; audio goes to audio/ in it"
    )
    parser.add_argument(
        "--fixed_enrollments",
        action="store_true",
        help="of spk1.enroll, spk2.enroll ... and single.wav.scp, instead of drawing one of spk2enroll.json",
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> int:
    args = get_parser().parse_args(cmd)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s"
    )
    return run_command("prepare_wesep.py", lambda: prepare(args))


def prepare(args: argparse.Namespace) -> None:
    """Write ``output_dir``, once all is read and checked; of what it held before, only audio/ stays."""
    audio = args.output_dir / "audio"
    shard_list = args.wesep_dir / args.shard_list
    # A list of another kind of set would turn this one into that.
    with replaced_folder(args.output_dir, [args.wesep_dir, shard_list, *shards_of(shard_list)]) as folder:
        found = read_shards(shard_list, audio)
        single = [key for key, recording in found.items() if set(recording.speakers) == {0}]
        if single and len(single) < len(found):
            mixed = next(key for key in found if key not in single)
            raise DataError(
                f"{args.wesep_dir}: holds single speakers ('{single[0]}') and mixtures ('{mixed}'); make two sets."
            )
        if single:
            write_sources(folder, found)
        else:
            write_mixtures(folder, found, args)
        audio.rename(folder / "audio")
    logging.info(f"{args.output_dir}: {len(found)} recordings of {shard_list}")


def write_sources(folder: Path, found: dict[str, Recording]) -> None:
    """Lists of single speakers, mixed while training."""
    write_scp(folder / "wav.scp", {key: found[key].mixture for key in found})
    write_lists(folder, {"utt2spk": {key: found[key].speakers[0] for key in found}})
    with atomic_write(folder / "mixing.yaml") as file:
        file.write(MIXING)


def write_mixtures(folder: Path, found: dict[str, Recording], args: argparse.Namespace) -> None:
    """Lists of mixtures; with spk2enroll.json where enrollments are drawn."""
    enrollments = fixed(args, found) if args.fixed_enrollments else drawn(args, found)
    write_lists(folder, rows_of(found, enrollments))
    if args.fixed_enrollments:
        return
    path = args.wesep_dir / args.spk2utt
    utterances = json.loads(path.read_text(encoding="utf-8"))  # ``drawn`` has checked it
    here = {speaker: [[uid, placed(wav, path)] for uid, wav in own] for speaker, own in utterances.items()}
    write_json(folder / "spk2enroll.json", here)


def rows_of(
    found: dict[str, Recording], enrollments: dict[tuple[str, int], str]
) -> dict[str, dict[str, str]]:
    """Lists with a row, ``<key>#spk<n>``, for each speaker of each mixture; the target is ``spk1.scp``."""
    lists: dict[str, dict[str, str]] = {"wav.scp": {}, "enroll_spk1.scp": {}, "utt2spk": {}}
    for key, recording in found.items():
        for number in recording.speakers:
            row = f"{key}#spk{number}"
            lists["wav.scp"][row] = recording.mixture
            lists["utt2spk"][row] = recording.speakers[number]
            lists["enroll_spk1.scp"][row] = enrollments[key, number]
            others = [other for other in recording.sources if other != number]
            for place, source in enumerate([number, *others], 1):
                lists.setdefault(f"spk{place}.scp", {})[row] = recording.sources[source]
    for name, entries in lists.items():
        if len(entries) < len(lists["wav.scp"]):
            row = next(row for row in lists["wav.scp"] if row not in entries)
            raise DataError(
                f"'{row}' has fewer speakers than others ({name} lacks it); make sets of one number of speakers."
            )
    return lists


def drawn(args: argparse.Namespace, found: dict[str, Recording]) -> dict[tuple[str, int], str]:
    """``*UID SPEAKER`` of every target: any utterance of the speaker but the target's own.

    WeSep draws without leaving that one out. Keys of LibriMix are the utterances' ids, joined by "_"; where the id is not
    among the speaker's utterances there is nothing to leave out, which is counted.
    """
    path = args.wesep_dir / args.spk2utt
    speakers = read_spk2utt(path)
    lacking = sorted({name for r in found.values() for name in r.speakers.values() if name not in speakers})
    if lacking:
        raise DataError(f"{path}: has no utterances of {', '.join(lacking[:5])}; they speak in the shards.")
    enrollments, unknown = {}, 0
    for key, recording in found.items():
        utterances = key.split("_")
        for number, speaker in recording.speakers.items():
            own = utterances[number - 1] if number <= len(utterances) else key
            if own not in speakers[speaker]:
                unknown += 1
            elif len(speakers[speaker]) < 2:
                raise DataError(
                    f"{path}: '{own}' is the only utterance of speaker {speaker}, who has no other to enroll with."
                )
            enrollments[key, number] = f"*{own} {speaker}"
    if unknown:
        logging.warning(
            f"{path}: {unknown} targets are none of their speaker's utterances there: nothing is left out for them"
        )
    return enrollments


def read_spk2utt(path: Path) -> dict[str, set[str]]:
    """Utterance ids of each speaker of ``{speaker: [[id, path], ...]}``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; name it by --spk2utt, or take --fixed_enrollments.") from None
    except ValueError as error:
        raise DataError(
            f"{path}: no JSON ({error}); WeSep's prepare_spk2enroll_librispeech.py writes it."
        ) from None
    try:
        return {speaker: {str(uid) for uid, _ in utterances} for speaker, utterances in content.items()}
    except (AttributeError, TypeError, ValueError):
        raise DataError(f"{path}: want {{speaker: [[utterance id, path], ...]}}.") from None


def fixed(args: argparse.Namespace, found: dict[str, Recording]) -> dict[tuple[str, int], str]:
    """The path of every target's enrollment, as spk<n>.enroll and single.wav.scp name it."""
    single = args.wesep_dir / "single.wav.scp"
    again = "prepare WeSep's data again"
    places = read_filled_scp(single, again)
    enrollments = {}
    for number in sorted({number for recording in found.values() for number in recording.speakers}):
        path = args.wesep_dir / f"spk{number}.enroll"
        chosen = {key.replace("/", "-"): value for key, value in read_filled_scp(path, again).items()}
        for key, recording in found.items():
            if number not in recording.speakers:
                continue
            if key not in chosen:
                raise DataError(f"{path}: has no line for '{key}', which is in the shards.")
            if chosen[key] not in places:
                raise DataError(f"{single}: has no '{chosen[key]}', which {path} names for '{key}'.")
            enrollments[key, number] = placed(places[chosen[key]], single)
    return enrollments


def write_lists(folder: Path, lists: dict[str, dict[str, str]]) -> None:
    """All lists, and spk2utt, in Kaldi's order."""
    for name, entries in lists.items():
        write_scp(folder / name, entries)
    speakers: dict[str, list[str]] = {}
    for key, speaker in lists["utt2spk"].items():
        speakers.setdefault(speaker, []).append(key)
    write_scp(folder / "spk2utt", {speaker: " ".join(sorted(keys)) for speaker, keys in speakers.items()})


if __name__ == "__main__":
    sys.exit(main())

"""Fixed sets of mixtures, as training would mix them: for development, or for a training on stored latents."""

from pathlib import Path

import numpy as np

from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.prepared_set import Pool
from espnet_tse.data.scp_fields import (
    ACTIVITY,
    ENROLLMENT_SCP,
    INTERFERER,
    MIXTURE_SCP,
    NUM_SAMPLES,
    SPEAKER_ENROLLMENTS,
    TARGET_SCP,
    turned_round,
)
from espnet_tse.io.activity_list import activity_line
from espnet_tse.io.audio import write_audio
from espnet_tse.io.files import write_json
from espnet_tse.io.replaced_folder import replaced_folder
from espnet_tse.io.scp import DataError, write_scp

PEAK = 0.9  # of mixture, target and interference at most, which are scaled alike, and of the enrollment
SIGNALS = {MIXTURE_SCP: "mixture", TARGET_SCP: "target", ENROLLMENT_SCP: "enrollment"}
INTERFERENCE = {"spk2.scp": "interference"}
# Settings by which targets or enrollments are no files of the source, or some come several times.
OTHER_SIGNALS = (
    *("target_absent", "enrollment_noise", "enrollment_reverb", "enrollment_eq_db", "enrollment_pauses"),
    "source_weights",
)


def write_mixed_set(dataset: DynamicMixingDataset, num_rows: int, output_dir: Path | str) -> int:
    """Write a TSE directory; utterances take turns as the target, in an order drawn by the data set's seed.

    ``utt2activity`` has the turns of each target; where the target is absent, ``spk1.scp`` is silence. ``spk2.scp`` and
    ``utt2interferer`` are there where every mixture has two talkers.

    Args:
        dataset: its examples become the rows, those of one epoch after those of another.
    Returns:
        rows whose target is absent.
    Raises:
        DataError: the mixtures are not for extraction alone, or audio cannot be read.
    """
    if set(dataset.conf.tasks) != {"tse"}:
        raise DataError(
            f"{dataset.source_dir}: a fixed set is one of extraction; leave 'tasks' out of mixing.yaml."
        )
    output_dir, rate = Path(output_dir), dataset.sample_rate
    order = np.random.default_rng([dataset.seed, len(dataset)]).permutation(len(dataset))
    two_talkers = set(dataset.conf.num_speakers) == {2}
    signals = SIGNALS | (INTERFERENCE if two_talkers else {})
    names = [*signals, "utt2spk", ACTIVITY, *([INTERFERER] if two_talkers else [])]
    lists: dict[str, dict[str, object]] = {name: {} for name in names}
    times: dict[str, int] = {}
    with replaced_folder(output_dir, [dataset.source_dir]) as folder:
        for row in range(num_rows):
            epoch, place = divmod(row, len(dataset))
            example = dataset.example(epoch, int(order[place]))
            # A source of a weight above 1 has its utterances several times in an epoch.
            times[example["key"]] = times.get(example["key"], -1) + 1
            key = f"{example['key']}-{times[example['key']]}"
            gain = _gain(*(example[name] for name in signals.values() if name != "enrollment"))
            for scp, name in signals.items():
                file = Path("audio") / Path(scp).stem / f"{key}.wav"
                signal = example[name]
                write_audio(folder / file, signal * (_gain(signal) if name == "enrollment" else gain), rate)
                lists[scp][key] = output_dir.resolve() / file
            lists["utt2spk"][key] = dataset.utt2spk[example["key"]]
            if two_talkers:
                (lists[INTERFERER][key],) = example["interferers"]
            lists[ACTIVITY][key] = activity_line(
                [(span.start / rate, span.end / rate) for span in example["turns"]]
            )
        for name, entries in lists.items():
            write_scp(folder / name, entries)
        write_scp(folder / "spk2utt", turned_round(lists["utt2spk"]))
    return sum(line == activity_line(()) for line in lists[ACTIVITY].values())


def _gain(*signals: np.ndarray) -> float:
    """That of all signals (N,), by which none of them is above ``PEAK``; 1 where none is."""
    loudest = max(float(np.abs(signal).max()) for signal in signals)
    return min(1.0, PEAK / loudest) if loudest else 1.0


def write_training_set(dataset: DynamicMixingDataset, passes: int, output_dir: Path | str) -> None:
    """Write a TSE directory of mixtures alone: their targets, whole, and what enrolls them are files of the source.

    Each utterance is the target once a pass; training draws enrollments among the speaker's other utterances.

    Args:
        dataset: its examples become the rows.
    Raises:
        DataError: targets or enrollments would be others than the utterances, or audio cannot be read.
        ValueError: the data set crops.
    """
    if dataset.crop is not None:
        raise ValueError("mixtures for training are whole; training cuts them.")
    conf = dataset.conf
    changed = [name for name in OTHER_SIGNALS if getattr(conf, name)]
    if conf.has_pauses:
        changed.append("silence")
    if set(conf.tasks) != {"tse"}:
        changed.append("tasks")
    if conf.enrollment != "other_utterance":
        changed.append(f"enrollment: {conf.enrollment}")
    if changed:
        raise DataError(
            f"{dataset.source_dir}: fixed mixtures for training have the source's own utterances as targets and "
            f"enrollments, each as often as the others; leave {', '.join(changed)} out of mixing.yaml."
        )
    output_dir = Path(output_dir)
    names = (MIXTURE_SCP, TARGET_SCP, ENROLLMENT_SCP, "utt2spk", NUM_SAMPLES)
    lists: dict[str, dict[str, object]] = {name: {} for name in names}
    with replaced_folder(output_dir, [dataset.source_dir]) as folder:
        for row in range(passes * len(dataset)):
            number, index = divmod(row, len(dataset))
            example = dataset.example(number, index)
            uid = example["key"]
            key, speaker = f"{uid}-{number}", dataset.utt2spk[uid]
            file = Path("audio") / f"{key}.wav"
            # Not scaled, for the target is not either.
            write_audio(folder / file, example["mixture"], dataset.sample_rate, as_float=True)
            values = (
                output_dir.resolve() / file,
                dataset.audio.paths[uid],
                f"*{uid} {speaker}",
                speaker,
                len(example["mixture"]),
            )
            for name, value in zip(names, values):
                lists[name][key] = value
        for name, entries in lists.items():
            write_scp(folder / name, entries)
        write_scp(folder / "spk2utt", turned_round(lists["utt2spk"]))
        pool: Pool = {
            speaker: [(uid, str(dataset.audio.paths[uid])) for uid in uids]
            for speaker, uids in dataset.spk2utt.items()
        }
        write_json(folder / SPEAKER_ENROLLMENTS, pool)

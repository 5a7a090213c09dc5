"""Which utterances are worth hearing, and their audio as data for the page."""

import io
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from espnet_tse.io.audio_entry import read_entry
from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.report.collect import ComparableGroup
from espnet_tse.scoring.result.scored_set import ScoredSet
from espnet_tse.scoring.run.audio_lists import files_of_pattern

# The first of these that the systems have decides which utterances count as good and bad.
RANKING_METRICS = ("spk_wavlm", "spk_wespeaker", "spk_resemblyzer", "si_sdr_i", "si_sdr", "dnsmos_ovrl")
# Kinds of signal beside the estimates: label, field of meta.inputs.
SHARED_SIGNALS = (("mixture", "mix_scp"), ("enrollment", "enroll_scp"), ("target", "ref_scp"))
# Fields of scores.jsonl that are 1 where the estimate is of the wrong speaker, best evidence first.
WRONG_SPEAKER_METRICS = ("conf_rate", "conf_si_sdr")
FULL_SCALE = 32767


@dataclass(frozen=True)
class Choice:
    """An utterance chosen for listening, and why."""

    utt: str
    reason: str  # "asked for", "wrong speaker", "worst", "median" or "best"
    score: float | None  # mean of the ranking metric over the systems
    systems: tuple[str, ...] = ()  # whose output the reason is about; none: all systems'


@dataclass
class Clip:
    """One playable signal of an utterance; without samples where the file could not be read."""

    label: str
    scores: dict[str, Any] | None = None  # the estimate's line of scores.jsonl
    samples: np.ndarray | None = None  # (N,) float32
    sample_rate: int = 0
    missing: str = ""  # why there are no samples
    flac: bytes = field(default=b"", repr=False)

    @property
    def duration_s(self) -> float:
        return self.samples.size / self.sample_rate if self.samples is not None else 0.0


def ranking_metric(group: ComparableGroup) -> str | None:
    """The metric by which utterances of a group are ranked, None if none of RANKING_METRICS is there."""
    for name in RANKING_METRICS:
        if any(name in result.metrics for result in group.systems):
            return name
    return None


def measures_speaker(result: ScoredSet) -> bool:
    """Whether wrong speakers were measured."""
    return any(row.get(name) is not None for row in result.utterances for name in WRONG_SPEAKER_METRICS)


def what_came_out(result: ScoredSet, row: dict[str, Any]) -> str:
    """What a system's estimate of an utterance is.

    Args:
        row: its line of scores.jsonl.
    Returns:
        "failed" where no speaker could be measured (silence, NaN, no file) or, without such a metric, any other
        column; "wrong speaker" where the estimate is nearer to an interferer than to the target; else "".
    """
    name = next((name for name in WRONG_SPEAKER_METRICS if row.get(name) is not None), None)
    columns = [name] if name else own_columns(result)
    if any((str(row["utt"]), column) in result.failed for column in columns):
        return "failed"
    return "wrong speaker" if name and row[name] > 0.5 else ""


def own_columns(result: ScoredSet) -> list[str]:
    """Columns that tell of the estimate; another tool's file may lack a value of a sound one."""
    return [*(name for name, entry in result.metrics.items() if "external" not in entry), *result.wer]


def wrong_speakers(group: ComparableGroup) -> dict[str, list[str]]:
    """Utterance -> the systems whose estimate is of the wrong speaker."""
    found: dict[str, list[str]] = {}
    for result in group.systems:
        for row in result.utterances:
            if what_came_out(result, row) == "wrong speaker":
                found.setdefault(str(row["utt"]), []).append(result.system)
    return found


def choose_utterances(group: ComparableGroup, count: int, asked: tuple[str, ...] = ()) -> list[Choice]:
    """Pick utterances that came out as the wrong speaker, and the worst, the middle and the best ones.

    Args:
        group: results of one test set.
        count: how many utterances; a quarter of them wrong speakers, if there are so many, and a third of
            the rest of each other kind, the worst first when it does not divide.
        asked: keys to take whatever their score; they come first and count.
    Returns:
        Choices in the order asked, wrong speaker, worst, median, best, by the systems' mean score;
        ties are broken by key.
    """
    mean, known = mean_scores(group), known_utterances(group)
    taken = [utt for utt in dict.fromkeys(asked) if utt in known]
    choices = [Choice(utt, "asked for", mean.get(utt)) for utt in taken]
    ranked = sorted((utt for utt in mean if utt not in taken), key=lambda utt: (mean[utt], utt))
    left = min(max(0, count - len(choices)), len(ranked))
    mixed_up = wrong_speakers(group)
    wrong = [utt for utt in ranked if utt in mixed_up][: left // 4]
    ranked = [utt for utt in ranked if utt not in wrong]
    choices += [Choice(utt, "wrong speaker", mean[utt], tuple(mixed_up[utt])) for utt in wrong]
    picked = worst_median_best(ranked, left - len(wrong))
    return choices + [Choice(utt, reason, mean[utt]) for utt, reason in picked]


def known_utterances(group: ComparableGroup) -> set[str]:
    """The keys that the systems have scores of."""
    return {str(row["utt"]) for result in group.systems for row in result.utterances}


def mean_scores(group: ComparableGroup) -> dict[str, float]:
    """Utterance -> mean of the ranking metric over the systems."""
    metric = ranking_metric(group)
    scores: dict[str, list[float]] = {}
    for result in group.systems:
        for row in result.utterances:
            value = row.get(metric) if metric else None
            if isinstance(value, (int, float)):
                scores.setdefault(str(row["utt"]), []).append(float(value))
    return {utt: sum(values) / len(values) for utt, values in scores.items()}


def worst_median_best(ranked: list[str], count: int) -> list[tuple[str, str]]:
    """``count`` of the utterances, which stand from worst to best, each with its kind."""
    worst, best = -(-count // 3), count // 3
    median = count - worst - best
    middle = (len(ranked) - median) // 2
    # With few utterances the three kinds would overlap; the middle then starts after the worst.
    middle = min(max(middle, worst), len(ranked) - best - median)
    picked = [(utt, "worst") for utt in ranked[:worst]]
    picked += [(utt, "median") for utt in ranked[middle : middle + median]]
    return picked + [(utt, "best") for utt in ranked[len(ranked) - best :]]


def load_clips(group: ComparableGroup, utt: str, scps: "ScpCache") -> list[Clip]:
    """All signals of one utterance: mixture, enrollment, target, then each system's estimate."""
    clips = []
    inputs = group.results[0].meta.get("inputs") or {}
    for label, name in SHARED_SIGNALS:
        path = inputs.get(name) or first_recorded(group, name)
        if path:
            clips.append(load_clip(label, path, "", utt, scps, channel_of(group.results[0])))
    shared = {clip.label: clip for clip in clips}
    for result in group.results:
        # The mixture and target rows repeat signals that are there already.
        if clip := shared.get(result.system.lower()):
            clip.scores = utterance_scores(result, utt)
            continue
        clip = load_clip(result.system, *place_of_estimates(result), utt, scps, channel_of(result))
        clip.scores = utterance_scores(result, utt)
        clips.append(clip)
    target = next((clip for clip in clips if clip.label == "target"), None)
    if target is not None and target.scores is None:
        target.scores = heard_in_target(group, utt)
    return clips


def place_of_estimates(result: ScoredSet) -> tuple[str, str]:
    """Their list and "", or their folder and the pattern of their names; "" and "" where it was not recorded."""
    inputs, options = (result.meta.get(name) or {} for name in ("inputs", "options"))
    if inputs.get("inf_dir"):
        return inputs["inf_dir"], options.get("inf_pattern", "{utt}.wav")
    return inputs.get("inf_scp") or "", ""


def channel_of(result: ScoredSet) -> int:
    """The channel that was scored."""
    return (result.meta.get("options") or {}).get("ref_channel", 0)


def heard_in_target(group: ComparableGroup, utt: str) -> dict[str, Any]:
    """The recognisers' texts of the clean target, under the names that estimates have for theirs."""
    texts: dict[str, Any] = {}
    for result in group.results:
        for name, text in (utterance_scores(result, utt) or {}).items():
            if name.startswith("ref_dwer_"):
                texts.setdefault(name.replace("ref_dwer_", "hyp_"), text)
    return texts


def first_recorded(group: ComparableGroup, name: str) -> str | None:
    return next(
        (r.meta["inputs"][name] for r in group.results if (r.meta.get("inputs") or {}).get(name)), None
    )


def utterance_scores(result: ScoredSet, utt: str) -> dict[str, Any] | None:
    return next((row for row in result.utterances if str(row["utt"]) == utt), None)


class ScpCache:
    """Reads each scp or folder once; relative paths start at the working directory."""

    def __init__(self) -> None:
        self.read: dict[tuple[str, str], dict[str, str] | str] = {}

    def entry_of(self, place: str, pattern: str, utt: str) -> str:
        """The audio of a key.

        Args:
            place: an scp, or with a ``pattern`` of file names the folder that they are in.
        Raises:
            DataError: the place is not known or cannot be read, or lacks the key.
        """
        if not place:
            raise DataError("result.json does not name its list; score this set again.")
        if (place, pattern) not in self.read:
            try:
                self.read[place, pattern] = (
                    files_of_pattern(Path(place), pattern) if pattern else read_scp(place)
                )
            except DataError as error:
                self.read[place, pattern] = str(error)
        entries = self.read[place, pattern]
        if isinstance(entries, str):
            raise DataError(entries)
        if utt not in entries:
            raise DataError(f"{place}: lacks the key '{utt}'; decode and score this set again.")
        return entries[utt]


def load_clip(label: str, place: str, pattern: str, utt: str, scps: ScpCache, channel: int) -> Clip:
    """Read and encode one signal; the reason of a failure is kept in ``missing`` and shown on the page.

    Args:
        place, pattern: as ``ScpCache.entry_of``.
        channel: of a file with several.
    """
    try:
        entry = scps.entry_of(place, pattern, utt)
        samples, sample_rate = read_entry(entry, "float32")
        if 1 < samples.shape[1] <= channel:
            raise DataError(f"{entry}: has {samples.shape[1]} channels, channel {channel} was scored.")
    except DataError as error:
        logging.warning("no audio for %s of %s: %s", label, utt, error)
        return Clip(label, missing=str(error))
    samples = np.nan_to_num(samples[:, channel if samples.shape[1] > 1 else 0])
    if samples.size == 0:
        logging.warning("no audio for %s of %s: %s is empty", label, utt, entry)
        return Clip(label, missing=f"{entry}: holds no samples")
    return Clip(label, samples=samples, sample_rate=sample_rate, flac=encode_flac(samples, sample_rate))


def encode_flac(samples: np.ndarray, sample_rate: int) -> bytes:
    """16-bit FLAC: lossless for 16-bit files, about half of WAV, played by every current browser."""
    import soundfile

    buffer = io.BytesIO()
    pcm = np.round(np.clip(samples, -1, 1) * FULL_SCALE).astype(np.int16)
    soundfile.write(buffer, pcm, sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()

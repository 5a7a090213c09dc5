"""Columns of the two results tables: which metric, under which head, with how many decimals."""

import re
from dataclasses import dataclass
from typing import Iterable

from espnet_tse.scoring.report.collect import ScoredSet

# Share of utterances whose estimate is shorter than 0.9 or longer than 1.1 of the reference.
LENGTH_RATIO_RANGE = (0.9, 1.1)


@dataclass(frozen=True)
class Value:
    """One figure of a table, in the column's unit; ``half_ci`` is half the 95 % interval."""

    mean: float
    half_ci: float | None = None


@dataclass(frozen=True)
class Column:
    """One column: how it is named and how its figure is read from a result."""

    head: str
    source: str  # "metric", "wer" or "length"
    name: str  # key under result.metrics or result.wer
    decimals: int
    scale: float = 1.0  # 100 for shares shown in per cent
    higher_is_better: bool | None = True  # None: neither
    meaning: str = ""

    def read(self, result: ScoredSet) -> Value | None:
        """The figure of one result, or None where it has none."""
        if self.source == "length":
            return length_share(result)
        if self.source == "wer":
            entry = result.wer.get(self.name) or {}
            mean = entry.get("corpus")
        else:
            entry = result.metrics.get(self.name) or {}
            mean = entry.get("mean")
        if mean is None:
            return None
        interval = entry.get("ci95")
        half = None if not interval or None in interval else (interval[1] - interval[0]) / 2 * self.scale
        return Value(mean * self.scale, half)

    def format(self, value: float) -> str:
        return f"{value:.{self.decimals}f}"


def metric_column(head: str, name: str, decimals: int, meaning: str, **options) -> Column:
    return Column(head, "metric", name, decimals, meaning=meaning, **options)


MOS_COLUMNS = (
    metric_column("SIG", "dnsmos_sig", 3, "DNSMOS, speech quality, 1 to 5"),
    metric_column("BAK", "dnsmos_bak", 3, "DNSMOS, background, 1 to 5"),
    metric_column("OVRL", "dnsmos_ovrl", 3, "DNSMOS, overall, 1 to 5"),
    metric_column("P808", "dnsmos_p808", 3, "DNSMOS P.808, 1 to 5"),
    metric_column("pOVRL", "pdnsmos_ovrl", 3, "personalised DNSMOS, overall: also counts other talkers, 1 to 5"),
    metric_column("NISQA", "nisqa", 3, "NISQA MOS, 1 to 5"),
    metric_column("UTMOS", "utmos", 3, "UTMOS, 1 to 5"),
    metric_column("SBERT", "sbs", 3, "SpeechBERTScore, precision"),
)
SAMPLE_COLUMNS = (
    metric_column("SI-SDR", "si_sdr", 2, "scale-invariant SDR, dB"),
    metric_column("SI-SDRi", "si_sdr_i", 2, "improvement of SI-SDR over the mixture, dB"),
    metric_column("SDR", "sdr", 2, "BSSEval SDR with 512 taps, dB"),
    metric_column("SDRi", "sdr_i", 2, "improvement of SDR over the mixture, dB"),
    metric_column("PESQ", "pesq", 2, "wide-band PESQ, 1 to 4.64"),
    metric_column("PESQ-nb", "pesq_nb", 2, "narrow-band PESQ, 1 to 4.55"),
    metric_column("STOI", "stoi", 3, "short-time objective intelligibility, 0 to 1"),
    metric_column("ESTOI", "estoi", 3, "extended STOI, 0 to 1"),
)
FAIL_COLUMN = metric_column(
    "fail%", "fail_rate", 1, "share with SI-SDRi below 1 dB", scale=100, higher_is_better=False
)
CONFUSION_COLUMN = metric_column(
    "conf%", "conf_rate", 1, "share nearer to an interferer than to the target", scale=100, higher_is_better=False
)
LENGTH_COLUMN = Column(
    "len≠", "length", "len_ratio", 1, 100, False, "share of estimates outside 0.9 to 1.1 of the target's length, %"
)


def generative_columns(results: Iterable[ScoredSet]) -> list[Column]:
    """Table A: what stays meaningful when the output is not phase-aligned with the target."""
    results = list(results)
    words = [word_error_column(tag, result) for tag, result in first_holders(results, "wer").items()]
    # dWER before WER, as in the papers.
    words.sort(key=lambda column: not column.head.startswith("d"))
    return [*MOS_COLUMNS, *words, *speaker_columns(results), LENGTH_COLUMN]


def aligned_columns(results: Iterable[ScoredSet]) -> list[Column]:
    """Table B: what compares estimate and target sample by sample, and the failure rates."""
    return [*SAMPLE_COLUMNS, FAIL_COLUMN, CONFUSION_COLUMN]


def speaker_columns(results: Iterable[ScoredSet]) -> list[Column]:
    names = {name for result in results for name in result.metrics}
    columns = []
    for name in names:
        match = re.fullmatch(r"spk_(.+?)(_enroll)?", name)
        if match:
            model, enroll = match.groups()
            head = f"spk_enroll({model})" if enroll else f"spk({model})"
            side = "the enrollment" if enroll else "the target"
            columns.append(metric_column(head, name, 3, f"similarity of the voice to {side}, {model}"))
    return sorted(columns, key=lambda column: (column.head.startswith("spk_enroll"), column.head))


def word_error_column(tag: str, result: ScoredSet) -> Column:
    kind, _, model = tag.rpartition("wer_") if "wer_" in tag else ("", "", tag)
    differential = kind.endswith("d") or tag.startswith("dwer")
    model = model or str(result.wer[tag].get("asr", ""))
    head = "dWER%" if differential else "CER%" if tag.startswith("cer") else "WER%"
    reference = "the same recogniser's text of the clean target" if differential else "the transcript"
    smoke = "; a smoke test only" if is_smoke_test(tag, result) else ""
    head = f"{head} ({model}{'*' if smoke else ''})" if model else head
    meaning = f"word error rate against {reference}{smoke}"
    return Column(head, "wer", tag, 1, 100, False, meaning)


def is_smoke_test(tag: str, result: ScoredSet) -> bool:
    """Whether a recogniser is too weak for a results row (scoring.md, section 5.6)."""
    return "pocketsphinx" in tag or "pocketsphinx" in str(result.wer[tag].get("asr", ""))


def first_holders(results: Iterable[ScoredSet], field: str) -> dict[str, ScoredSet]:
    """Key -> the first result that has it, for the dicts under ``field``."""
    holders: dict[str, ScoredSet] = {}
    for result in results:
        for key in getattr(result, field):
            holders.setdefault(key, result)
    return holders


def length_share(result: ScoredSet) -> Value | None:
    """Share in % of utterances whose length ratio is outside LENGTH_RATIO_RANGE."""
    ratios = [row["len_ratio"] for row in result.utterances if isinstance(row.get("len_ratio"), (int, float))]
    if not ratios:
        return None
    low, high = LENGTH_RATIO_RANGE
    return Value(100 * sum(not low <= ratio <= high for ratio in ratios) / len(ratios))

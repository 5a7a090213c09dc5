"""Columns of the results tables: which metric, under which head, with how many decimals."""

from dataclasses import dataclass
from typing import Any, Iterable

from espnet_tse.scoring.measure.cards import extraction, timing
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.result.scored_set import ScoredSet

# Share of utterances whose estimate is shorter than 0.9 or longer than 1.1 of the target.
LENGTH_RATIO_RANGE = (0.9, 1.1)
# Columns of `--align xcorr` repeat a metric after shifting the estimate by one lag.
ALIGNED = "_al"
# Word leakage is among the word errors in result.json.
LEAK = "leak_"
# Speaker similarities are spk_<model>, against the enrollment spk_<model>_enroll.
SPEAKER, ENROLL = "spk_", "_enroll"


@dataclass(frozen=True)
class Value:
    """One figure of a table, in the column's unit; ``half_ci`` is half the 95 % interval."""

    mean: float
    half_ci: float | None = None


@dataclass(frozen=True)
class Column:
    """One column: how it is named and how its figure is read from a result."""

    head: str
    source: str  # "metric", "length", or a field of a recogniser's entry: "corpus", "hallucination_rate"
    name: str  # key under result.metrics or result.wer
    decimals: int
    scale: float = 1.0  # 100 for shares shown in per cent
    higher_is_better: bool | None = True  # None: neither
    meaning: str = ""
    unit: str = ""  # what the head does not say

    @property
    def explanation(self) -> str:
        return f"{self.meaning}, {self.unit}" if self.unit else self.meaning

    def entry(self, result: ScoredSet) -> dict[str, Any]:
        """The result file's entry of this column, {} where there is none."""
        holder = result.metrics if self.source in ("metric", "length") else result.wer
        return holder.get(self.name) or {}

    def read(self, result: ScoredSet) -> Value | None:
        """The figure of one result, or None where it has none."""
        if self.source == "length":
            return length_share(result)
        entry = self.entry(result)
        mean = entry.get("mean" if self.source == "metric" else self.source)
        if mean is None:
            return None
        interval = entry.get("ci95") if self.source != "hallucination_rate" else None
        half = None if not interval or None in interval else (interval[1] - interval[0]) / 2 * self.scale
        return Value(mean * self.scale, half)

    def format(self, value: float) -> str:
        return f"{value:.{self.decimals}f}"

    def format_utterance(self, value: float) -> str:
        """The score of one utterance, as it stands in scores.jsonl, in the column's unit."""
        return f"{value:.2f}" if self.source == "length" else self.format(value * self.scale)


def metric_column(head: str, name: str, decimals: int, **options) -> Column:
    """A column of the registry; its card says what it means and which way is better."""
    card = METRICS.get(name.removesuffix(ALIGNED))
    if card is not None:
        known = {"meaning": card.title, "unit": card.unit, "higher_is_better": card.higher_is_better}
        options = known | options
    return Column(head, "metric", name, decimals, **options)


MOS_COLUMNS = (
    metric_column("SIG", "dnsmos_sig", 3),
    metric_column("BAK", "dnsmos_bak", 3),
    metric_column("OVRL", "dnsmos_ovrl", 3),
    metric_column("P808", "dnsmos_p808", 3),
    metric_column("pOVRL", "pdnsmos_ovrl", 3),
    metric_column("NISQA", "nisqa", 3),
    metric_column("UTMOS", "utmos", 3),
    metric_column("SBERT", "sbs", 3),
)
SAMPLE_COLUMNS = (
    metric_column("SI-SDR", "si_sdr", 2),
    metric_column("SI-SDRi", "si_sdr_i", 2),
    metric_column("SDR", "sdr", 2),
    metric_column("SDRi", "sdr_i", 2),
    metric_column("PESQ", "pesq", 2),
    metric_column("PESQ-nb", "pesq_nb", 2),
    metric_column("STOI", "stoi", 3),
    metric_column("ESTOI", "estoi", 3),
)
# Short heads of the metrics in cards/extraction.py and cards/timing.py; others are headed by their own name.
FAILURE_HEADS = {
    "conf_rate": "conf (voice)",
    "conf_si_sdr": "conf (SI-SDR)",
    "fail_rate": "fail",
    "over_suppression": "lost",
    "onset_loss": "onset loss",
    "offset_loss": "offset loss",
    "absent_leak": "absent (level)",
    "absent_activity": "absent (active)",
    "timing_f1": "timing F1",
    "timing_f1_vad": "timing F1 (VAD)",
}
# Measured of every output, neither good nor bad; remarks speak of them where they explain a score.
DIAGNOSTICS = ("est_dbfs", "clip_frac")
LENGTH_COLUMN = Column(
    "len≠",
    "length",
    "len_ratio",
    1,
    100,
    False,
    "share of estimates outside 0.9 to 1.1 of the target's length, %",
)


def generative_columns(results: Iterable[ScoredSet]) -> list[Column]:
    """Table A: what stays meaningful when the output is not phase-aligned with the target."""
    results = list(results)
    recognisers = first_holders(results, "wer").items()
    words = [word_error_column(tag, result) for tag, result in recognisers if not tag.startswith(LEAK)]
    # dWER before WER, as in the papers.
    words.sort(key=lambda column: not column.head.startswith("d"))
    return [*MOS_COLUMNS, *external_columns(results), *words, *speaker_columns(results), LENGTH_COLUMN]


def aligned_columns(results: Iterable[ScoredSet]) -> list[Column]:
    """Table B: what compares estimate and target sample by sample."""
    shifted = [
        metric_column(f"{column.head} (shifted)", column.name + ALIGNED, column.decimals)
        for column in SAMPLE_COLUMNS
    ]
    return [*SAMPLE_COLUMNS, *shifted]


def external_columns(results: Iterable[ScoredSet]) -> list[Column]:
    """Scores that another tool computed; their entries say which way is better."""
    holders = first_holders(results, "metrics").items()
    entries = {name: result.metrics[name] for name, result in holders if "external" in result.metrics[name]}
    return [
        metric_column(
            name, name, 3, meaning=str(entry["external"]), higher_is_better=entry.get("higher_is_better")
        )
        for name, entry in entries.items()
    ]


def failure_columns(results: Iterable[ScoredSet]) -> list[Column]:
    """Table C: what goes wrong in extraction; shares of it in per cent, the rest in the metric's unit."""
    return [*card_columns(), *recognised_failures(list(results))]


def card_columns() -> list[Column]:
    columns = []
    for card in (*extraction.METRICS, *timing.METRICS):
        head = FAILURE_HEADS.get(card.name, card.name.replace("_", " "))
        if card.high == 1.0 and card.direction == "down":
            name, bracket, kind = head.partition(" (")
            columns.append(metric_column(f"{name}%{bracket}{kind}", card.name, 1, scale=100))
        else:
            columns.append(metric_column(head, card.name, 1 if card.unit else 3))
    return columns


def recognised_failures(results: list[ScoredSet]) -> list[Column]:
    """Columns from texts: words of the interferer, and outputs with more errors than words."""
    columns = []
    for tag, result in first_holders(results, "wer").items():
        kind, _, model = tag.partition("_")
        model += "*" if is_smoke_test(tag, result) else ""
        if tag.startswith(LEAK):
            meaning = "share of the interferer's words, not in the target's text, that are heard, %"
            columns.append(Column(f"leak% ({model})", "corpus", tag, 1, 100, False, meaning))
        elif kind in ("wer", "cer"):
            unit = unit_of(kind)
            meaning = f"share of outputs that failed or have more {unit} errors than {unit}s, %"
            columns.append(Column(f"halluc% ({model})", "hallucination_rate", tag, 1, 100, False, meaning))
    return columns


def further_columns(results: Iterable[ScoredSet]) -> list[Column]:
    """Table D: the metrics that no other table has, under their own names; ``DIAGNOSTICS`` stand in the CSV alone."""
    results = list(results)
    tables = (generative_columns, aligned_columns, failure_columns)
    shown = {column.name for columns_of in tables for column in columns_of(results)}
    columns = []
    for name in first_holders(results, "metrics"):
        card = METRICS.get(name.removesuffix(ALIGNED))
        if card is not None and name not in shown and name not in DIAGNOSTICS:
            columns.append(metric_column(name, name, 1 if card.unit else 3))
    return columns


def speaker_columns(results: Iterable[ScoredSet]) -> list[Column]:
    """One column for each speaker model and side: against the target first, then the enrollment."""
    columns = []
    for name in speaker_metrics(results):
        model, enroll = model_of(name), name.endswith(ENROLL)
        columns.append(metric_column(f"spk_enroll({model})" if enroll else f"spk({model})", name, 3))
    return sorted(columns, key=lambda column: (column.head.startswith("spk_enroll"), column.head))


def speaker_metrics(results: Iterable[ScoredSet]) -> set[str]:
    """Names of speaker similarities; a score of another tool may have such a name and is none."""
    return {
        name
        for result in results
        for name, entry in result.metrics.items()
        if name.startswith(SPEAKER) and "external" not in entry
    }


def model_of(name: str) -> str:
    """The speaker model of a similarity."""
    return name.removeprefix(SPEAKER).removesuffix(ENROLL)


def word_error_column(tag: str, result: ScoredSet) -> Column:
    """The column of one recogniser; ``tag`` is ``wer_<model>``, ``dwer_<model>`` or ``cer_<model>``."""
    kind, _, model = tag.partition("_")
    head = {"wer": "WER%", "dwer": "dWER%", "cer": "CER%", "dcer": "dCER%"}.get(kind, tag)
    smoke = is_smoke_test(tag, result)
    if model:
        head += f" ({model}{'*' if smoke else ''})"
    reference = "the same recogniser's text of the clean target" if kind.startswith("d") else "the transcript"
    meaning = f"corpus {unit_of(kind)} error rate against {reference}, %" + "; a smoke test only" * smoke
    return Column(head, "corpus", tag, 1, 100, False, meaning)


def unit_of(kind: str) -> str:
    """What "wer", "dwer", "cer" or "dcer" counts."""
    return "character" if kind.endswith("cer") else "word"


def is_smoke_test(tag: str, result: ScoredSet) -> bool:
    """Whether a recogniser is too weak for a results row (scoring.md, section 5.6)."""
    return bool(result.wer[tag].get("smoke_test", "pocketsphinx" in tag))


def first_holders(results: Iterable[ScoredSet], field: str) -> dict[str, ScoredSet]:
    """Key -> the first result that has it, for the dicts under ``field``."""
    holders: dict[str, ScoredSet] = {}
    for result in results:
        for key in getattr(result, field):
            holders.setdefault(key, result)
    return holders


def length_share(result: ScoredSet) -> Value | None:
    """Share in % of utterances whose length ratio is outside LENGTH_RATIO_RANGE."""
    recorded = (result.metrics.get("len_ratio") or {}).get("share_outside")
    if recorded is not None:
        return Value(100 * recorded)
    ratios = [row["len_ratio"] for row in result.utterances if isinstance(row.get("len_ratio"), (int, float))]
    if not ratios:
        return None
    low, high = LENGTH_RATIO_RANGE
    return Value(100 * sum(not low <= ratio <= high for ratio in ratios) / len(ratios))

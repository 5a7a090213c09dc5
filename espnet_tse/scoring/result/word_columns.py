"""Word errors and leaked words of every utterance, a column for each recogniser."""

from dataclasses import dataclass, field

from espnet_tse.scoring.asr.leakage import leaked_words
from espnet_tse.scoring.asr.option import AsrSpec
from espnet_tse.scoring.asr.text import NORMALISERS, RATES, split_units
from espnet_tse.scoring.asr.wer import WordErrors, align_words
from espnet_tse.scoring.measure.failure import EST, REF, Fault
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record


@dataclass
class WordColumn:
    """``wer_<tag>`` or ``dwer_<tag>`` of all utterances."""

    name: str
    tag: str
    smoke_test: bool
    hypotheses: dict[str, str] = field(default_factory=dict)  # raw
    references: dict[str, str] = field(default_factory=dict)  # raw
    errors: dict[str, WordErrors | None] = field(default_factory=dict)  # None: excluded, or no target
    faults: dict[str, Fault] = field(default_factory=dict)
    excluded_insertions: int = 0


@dataclass
class LeakColumn:
    """``leak_<tag>``: the interferer's words in the text of the estimate."""

    name: str
    tag: str
    counts: dict[str, tuple[int, int] | None] = field(default_factory=dict)  # heard, own; None: none to hear
    faults: dict[str, Fault] = field(default_factory=dict)


def word_columns(plan: ScoringPlan, records: dict[str, Record]) -> list[WordColumn]:
    """Align texts of estimates with their references, for every recogniser."""
    return [
        _word_column(plan, records, spec, kind, texts)
        for spec in plan.asr
        for kind, texts in _references(plan, spec).items()
    ]


def _references(plan: ScoringPlan, spec: AsrSpec) -> dict[str, dict[str, str] | None]:
    """Kind of word errors -> references by key; None: what the recogniser itself hears in the targets."""
    external = plan.external.get(spec.tag)
    kinds: dict[str, dict[str, str] | None] = {"wer": plan.text} if plan.text else {}
    if external is None and plan.options.ref_scp:
        kinds["dwer"] = None
    elif external is not None and "target" in external:
        kinds["dwer"] = external["target"]
    return kinds


def _word_column(
    plan: ScoringPlan,
    records: dict[str, Record],
    spec: AsrSpec,
    kind: str,
    texts: dict[str, str] | None,
) -> WordColumn:
    name = f"{kind.replace('wer', RATES[plan.options.unit])}_{spec.tag}"
    column = WordColumn(name, spec.tag, spec.smoke_test)
    for key, record in records.items():
        estimate, fault = _hypothesis(record, spec.tag, plan.external.get(spec.tag))
        if record.absence:
            column.hypotheses[key], column.references[key] = estimate, ""
            column.errors[key], column.faults[key] = None, record.absence
            continue
        reference, data_fault = texts[key] if texts is not None else None, None
        if texts is None:
            reference = record.texts[spec.tag].get("target")
            data_fault = record.text_faults.get("target")
        column.hypotheses[key], column.references[key] = estimate, reference or ""
        _align(column, key, plan.options, fault, data_fault)
    return column


def _hypothesis(record: Record, tag: str, external: dict | None) -> tuple[str, str | None]:
    """Text of the estimate, and why it is empty if that is a failure."""
    if external is None:
        return record.texts[tag].get("estimate", ""), record.text_faults.get("estimate")
    if record.estimate_fault:
        # If the estimate is missing or silent here, the text is not of this system's output.
        return "", record.estimate_fault
    if record.key not in external["estimate"]:
        return "", "no line in the external text"
    return external["estimate"][record.key], None


def _align(
    column: WordColumn, key: str, options: ScoringOptions, fault: str | None, data_fault: str | None
) -> None:
    """Count the errors of an utterance whose texts are in the column.

    Args:
        fault: why the estimate has no text, where that is a failure.
        data_fault: why the target has none; the utterance is excluded then, as with an empty reference.
    """
    normalise = NORMALISERS[options.text_norm]
    texts = (column.references[key], column.hypotheses[key])
    words, heard = (split_units(normalise(text), options.unit) for text in texts)
    if data_fault or not words:
        column.errors[key] = None
        column.faults[key] = Fault(REF, f"ref: {data_fault}" if data_fault else "empty reference text")
        column.excluded_insertions += len(heard)
        return
    column.errors[key] = align_words(words, heard)
    if fault:
        column.faults[key] = Fault(EST, f"estimate: {fault}")


def leak_columns(plan: ScoringPlan, records: dict[str, Record], words: list[WordColumn]) -> list[LeakColumn]:
    """Words of the interferer in the texts of every recogniser whose errors against ``--text`` are counted."""
    normalise, unit = NORMALISERS[plan.options.text_norm], plan.options.unit
    columns = []
    for source in words if plan.interferer_text else []:
        if source.name != f"{RATES[unit]}_{source.tag}":
            continue
        column = LeakColumn(f"leak_{source.tag}", source.tag)
        for key, hypothesis in source.hypotheses.items():
            if absence := records[key].absence:
                column.counts[key], column.faults[key] = None, absence
                continue
            texts = (plan.text.get(key, ""), plan.interferer_text[key], hypothesis)
            heard, own = leaked_words(*(split_units(normalise(text), unit) for text in texts))
            fault = source.faults.get(key)
            if fault and fault.kind == EST:  # a missing estimate must not look clean
                heard, column.faults[key] = own, fault
            column.counts[key] = (heard, own) if own else None
        columns.append(column)
    return columns

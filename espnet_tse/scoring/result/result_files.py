"""The files of a scoring folder. Every per-utterance file has the same complete key set."""

import json
import logging
from pathlib import Path
from typing import Iterable, Iterator

from espnet_tse.io.files import atomic_write, write_json
from espnet_tse.io.scp import DataError
from espnet_tse.scoring.asr.text import NORMALISERS
from espnet_tse.scoring.asr.wer import show_alignment
from espnet_tse.scoring.measure.failure import NOT_APPLICABLE, Fault
from espnet_tse.scoring.result.aggregate import Summary
from espnet_tse.scoring.result.column_files import files_of_column, text_files
from espnet_tse.scoring.result.input_files import input_files
from espnet_tse.scoring.result.means import columns_of
from espnet_tse.scoring.result.meta import make_meta
from espnet_tse.scoring.result.scored_set import read_result
from espnet_tse.scoring.result.word_columns import WordColumn
from espnet_tse.scoring.run.options import deciding_options, plain_options
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record

log = logging.getLogger("espnet_tse.scoring")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def utterance_row(key: str, record: Record, summary: Summary, speaker: str | None) -> dict:
    """One object of scores.jsonl; excluded values are null."""
    row = {
        "utt": key,
        "spk": speaker,
        "dur_ref": _rounded(record.duration_ref),
        "dur_est": _rounded(record.duration_est),
        "enroll_s": _rounded(record.duration_enroll),
        "input_sir_db": _rounded(record.input_sir_db),
        "overlap": _rounded(record.overlap),
        "buckets": summary.labels[key],
        **{name: _rounded(outcome.value) for name, outcome in record.outcomes.items()},
    }
    if record.lag_samples is not None:
        row["lag_samples"] = record.lag_samples
    for column in summary.words:
        errors = column.errors[key]
        row[column.name] = None if errors is None else _rounded(errors.rate)
        row[f"hyp_{column.tag}"] = column.hypotheses[key]
        row[f"ref_{column.name}"] = column.references[key]
    for column in summary.leaks:
        heard, own = column.counts[key] or (0, 0)
        row[column.name] = _rounded(heard / own) if own else None
    failed = sorted({o.fault.kind for o in record.outcomes.values() if o.fault and o.applicable})
    row["flags"] = sorted({*record.flags, *(f"failed:{kind}" for kind in failed)})
    return row


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with atomic_write(path) as file:
        file.writelines(f"{line}\n" for line in lines)


def _write_words(folder: Path, column: WordColumn, text_norm: str) -> None:
    normalise = NORMALISERS[text_norm]
    counts, shown = [], []
    for key, errors in column.errors.items():
        counts.append(f"{key} nan nan" if errors is None else f"{key} {errors.errors} {errors.num_reference}")
        if errors is not None and errors.errors:
            shown += [key, show_alignment(errors), ""]
    # An empty raw text leaves no trailing blank, as in the recognisers' files.
    hypotheses = [f"{key} {text}".rstrip() for key, text in column.hypotheses.items()]
    normalised = [f"{key} {normalise(text)}".rstrip() for key, text in column.hypotheses.items()]
    references = [f"{key} {normalise(text)}".rstrip() for key, text in column.references.items()]
    _write_lines(folder / column.name, counts)
    texts = (hypotheses, normalised, references, shown)
    for name, lines in zip(text_files(column.name), texts, strict=True):
        _write_lines(folder / name, lines)


def remove_result(plan: ScoringPlan) -> None:
    """Remove the result of an earlier run and the files of its columns: they would look current.

    What the scorer did not write stays, and so does what it wrote and now reads.
    """
    folder, inputs = plan.options.output_dir, input_files(plan)
    try:
        earlier = read_result(folder / "result.json")
    except DataError:  # there is none, it is truncated, or written by another version
        columns = []
    else:
        columns = [*earlier.metrics, *earlier.wer]
    (folder / "result.json").unlink(missing_ok=True)
    for path in (folder / name for column in columns for name in files_of_column(column)):
        if path.is_file() and path.resolve() not in inputs:
            path.unlink()


def remove_foreign_result(plan: ScoringPlan) -> None:
    """Remove a result of other inputs or settings: after an interrupted run it would look current."""
    path = plan.options.output_dir / "result.json"
    if not path.exists():
        return
    try:
        meta = read_result(path).meta
    except DataError:
        meta = {}
    made_by = meta.get("signature"), deciding_options(meta.get("options") or {})
    if made_by != (plan.signature, deciding_options(plain_options(plan.options))):
        log.info("%s: of other inputs or settings, removed before scoring", path)
        remove_result(plan)


def failures(records: dict[str, Record], summary: Summary) -> Iterator[tuple[str, str, Fault]]:
    """(utterance, column, fault) of all that failed, by utterance."""
    for key, record in records.items():
        faults = [(name, outcome.fault) for name, outcome in record.outcomes.items() if outcome.fault]
        texts = [*summary.words, *summary.leaks]
        faults += [(column.name, column.faults[key]) for column in texts if key in column.faults]
        yield from ((key, name, fault) for name, fault in faults if fault.kind != NOT_APPLICABLE)


def write_results(plan: ScoringPlan, records: dict[str, Record], summary: Summary) -> None:
    """Write all result files, each atomically."""
    folder = plan.options.output_dir
    records = {u.key: records[u.key] for u in plan.utterances}
    remove_result(plan)  # it would not match the new files
    _write_columns(folder, records, summary)
    for column in summary.words:
        _write_words(folder, column, plan.options.text_norm)
    _write_headlines(folder, summary)
    failed = (
        f"{key} {name} {fault.kind} {' '.join(fault.reason.split())}"
        for key, name, fault in failures(records, summary)
    )
    _write_lines(folder / "failed", failed)
    rows = (utterance_row(key, r, summary, plan.speakers.get(key)) for key, r in records.items())
    with atomic_write(folder / "scores.jsonl") as file:
        file.writelines(json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n" for row in rows)
    names = ("coverage", "warnings", "metrics", "wer", "buckets")
    content = {name: getattr(summary, name) for name in names}
    # Last: its presence marks the folder as complete.
    write_json(folder / "result.json", {"meta": make_meta(plan, records), **content})


def _write_columns(folder: Path, records: dict[str, Record], summary: Summary) -> None:
    """``<metric>`` and ``leak_<tag>``: a line for each utterance."""
    for column in columns_of(records):
        values = {key: record.outcomes[column].value for key, record in records.items()}
        lines = [f"{key} nan" if value is None else f"{key} {value:.6f}" for key, value in values.items()]
        _write_lines(folder / column, lines)
    for column in summary.leaks:
        counts = {key: count or ("nan", "nan") for key, count in column.counts.items()}
        _write_lines(folder / column.name, [f"{key} {heard} {own}" for key, (heard, own) in counts.items()])


def _write_headlines(folder: Path, summary: Summary) -> None:
    """``result_<metric>.txt``: one number each."""
    headlines = {name: entry["mean"] for name, entry in summary.metrics.items()}
    headlines |= {name: entry["corpus"] for name, entry in summary.wer.items()}
    for name, value in headlines.items():
        _write_lines(folder / f"result_{name}.txt", ["nan" if value is None else f"{value:.6f}"])

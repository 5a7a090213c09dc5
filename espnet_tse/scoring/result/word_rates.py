"""Word error rate and word leakage of a test set, with intervals and counts."""

import numpy as np

from espnet_tse.scoring.measure.failure import EST, NOT_APPLICABLE, REF
from espnet_tse.scoring.result.bootstrap import interval_of_ratio
from espnet_tse.scoring.result.coverage import shares
from espnet_tse.scoring.result.protocol import WORDS_VERSION
from espnet_tse.scoring.result.word_columns import LeakColumn, WordColumn


def summarise_leak(column: LeakColumn, text_norm: str, speakers: dict[str, str] | None) -> dict:
    """One entry of ``wer`` in result.json; the headline is the share over all words."""
    kept = {key: count for key, count in column.counts.items() if count}
    own = sum(count for _, count in kept.values())
    clusters = [speakers[key] for key in kept] if speakers else None
    excluded = sum(fault.kind == REF for fault in column.faults.values())
    return {
        "corpus": sum(heard for heard, _ in kept.values()) / own if own else None,
        "ci95": interval_of_ratio(*zip(*kept.values()), clusters) if kept else None,
        "nref": own,
        "n": len(kept),
        **shares(excluded, sum(key in column.faults for key in kept), len(kept) + excluded),
        "norm": text_norm,
        "asr": column.tag,
        "smoke_test": False,
        "higher_is_better": False,
    }


def summarise_words(column: WordColumn, text_norm: str, speakers: dict[str, str] | None) -> dict:
    """One entry of ``wer`` in result.json; the headline is the corpus rate (S+D+I)/N."""
    kept = {key: errors for key, errors in column.errors.items() if errors is not None}
    counts = [(errors.errors, errors.num_reference) for errors in kept.values()]
    total = sum(n for _, n in counts)
    penalised = sum(column.faults[key].kind == EST for key in kept if key in column.faults)
    clusters = [speakers[key] for key in kept] if speakers else None
    over_1 = sum(e > n for e, n in counts)
    quiet = sum(
        column.faults[key].kind == EST and errors.errors <= errors.num_reference
        for key, errors in kept.items()
        if key in column.faults
    )
    inapplicable = sum(fault.kind == NOT_APPLICABLE for fault in column.faults.values())
    excluded = len(column.errors) - len(kept) - inapplicable
    return {
        "corpus": sum(e for e, _ in counts) / total if total else None,
        "ci95": interval_of_ratio(*zip(*counts), clusters) if counts else None,
        "sub": sum(e.substitutions for e in kept.values()),
        "del": sum(e.deletions for e in kept.values()),
        "ins": sum(e.insertions for e in kept.values()),
        "nref": total,
        "mean_utt": float(np.mean([e / n for e, n in counts])) if counts else None,
        "n_over_1": over_1,
        # An output that fails must not look cleaner than one that is heard wrongly.
        "hallucination_rate": (over_1 + quiet) / len(counts) if counts else None,
        "n": len(kept),
        **shares(excluded, penalised, len(kept) + excluded),
        "ins_excluded": column.excluded_insertions,
        "version": WORDS_VERSION,
        "norm": text_norm,
        "asr": column.tag,
        "smoke_test": column.smoke_test,
        "higher_is_better": False,
    }

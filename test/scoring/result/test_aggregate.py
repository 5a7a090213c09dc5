from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from espnet_tse.scoring.asr.option import AsrSpec
from espnet_tse.scoring.measure.failure import Fault, Outcome
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.result.aggregate import add_external, aggregate
from espnet_tse.scoring.result.means import summarise
from espnet_tse.scoring.run.external_scores import read_external
from espnet_tse.scoring.run.job import Utterance, WorkerPlan
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.plan import ScoringPlan
from espnet_tse.scoring.run.worker import Record, unusable_record

EST, REF = Fault("est", "silent"), Fault("ref", "silent")


def make_plan(keys, asr=(), unit="word", **changes):
    lists = ("external", "text", "speakers", "genders", "interferer_text", "scores")
    fields = {**{name: {} for name in lists}, **changes}
    options = ScoringOptions(
        Path("inf.scp"), Path("out"), ref_scp=Path("ref.scp"), text_norm="basic", unit=unit
    )
    utterances = tuple(Utterance(key, f"{key}.wav") for key in keys)
    return ScoringPlan(
        options, utterances, None, tuple(asr), not_available={}, measures={}, signature="s", **fields
    )


def make_record(key, outcomes=None, **changes):
    return Record(key, 1.0, 1.0, outcomes or {"si_sdr": Outcome(1.0)}, [], **changes)


def external(estimate, target=None):
    spec = AsrSpec("external", "external", Path("a"), Path("b") if target else None)
    texts = {"estimate": estimate, **({"target": target} if target else {})}
    return {"asr": [spec], "external": {"external": texts}}


def test_penalties_stay_in_the_mean_and_exclusions_leave_it():
    outcomes = {
        "a": Outcome(3.0),
        "b": Outcome(1.0, EST),
        "c": Outcome(None, REF),
        "d": Outcome(2.0),
    }
    entry = summarise(METRICS["pesq"], outcomes, None)
    assert entry["mean"] == 2.0 and entry["median"] == 2.0 and (entry["min"], entry["max"]) == (1.0, 3.0)
    assert (entry["n"], entry["n_penalized"], entry["n_excluded"]) == (3, 1, 1)
    assert entry["marked"] and entry["higher_is_better"] is True
    assert entry["std"] == pytest.approx(np.std([3, 1, 2])) and entry["ci95"][0] < 2.0 < entry["ci95"][1]


def test_all_excluded_has_no_mean():
    entry = summarise(METRICS["pesq"], {"a": Outcome(None, REF)}, None)
    assert entry["mean"] is None and entry["ci95"] is None and entry["n"] == 0


def test_share_of_odd_lengths():
    entry = summarise(
        METRICS["len_ratio"], {str(i): Outcome(v) for i, v in enumerate([0.0, 0.89, 0.9, 1.1])}, None
    )
    assert entry["share_outside"] == 0.5 and entry["higher_is_better"] is None


@pytest.mark.parametrize(
    "count, marked, too_many", [(0, False, False), (1, False, False), (2, True, False), (11, True, True)]
)
def test_marks_at_one_percent_and_errors_at_ten(count, marked, too_many):
    keys = [f"u{i:03d}" for i in range(100)]
    records = {
        k: make_record(k, {"si_sdr": Outcome(-100.0, EST if i < count else None)}) for i, k in enumerate(keys)
    }
    summary = aggregate(make_plan(keys), records)
    assert summary.metrics["si_sdr"]["marked"] == marked
    assert summary.too_many_failures == (["si_sdr"] if too_many else [])
    assert any("marked" in warning for warning in summary.warnings) == marked


def test_corpus_rate_is_not_the_mean_of_rates():
    text = {"u": "a b c d e f g h", "v": "x"}
    plan = make_plan("uv", text=text, **external({"u": text["u"], "v": "y z"}))
    entry = aggregate(plan, {k: make_record(k) for k in "uv"}).wer["wer_external"]
    assert entry["corpus"] == pytest.approx(2 / 9) and entry["mean_utt"] == 1.0 and entry["n_over_1"] == 1
    assert (entry["sub"], entry["del"], entry["ins"], entry["nref"]) == (1, 0, 1, 9)


def test_known_corpus_rate():
    plan = make_plan("uv", text={"u": "a b c d", "v": "e f"}, **external({"u": "a x c", "v": "e f g"}))
    entry = aggregate(plan, {k: make_record(k) for k in "uv"}).wer["wer_external"]
    assert entry["corpus"] == 0.5 and (entry["sub"], entry["del"], entry["ins"]) == (1, 1, 1)


def test_failed_and_missing_texts_are_all_deletions():
    plan = make_plan("uvw", text=dict.fromkeys("uvw", "a b"), **external({"u": "a b", "v": "a b"}))
    records = {k: make_record(k) for k in "uw"} | {"v": make_record("v", estimate_fault="missing")}
    summary = aggregate(plan, records)
    entry = summary.wer["wer_external"]
    assert entry["del"] == 4 and entry["n_penalized"] == 2 and entry["n_excluded"] == 0
    # A failed output must not look cleaner than one that is heard wrongly.
    assert entry["hallucination_rate"] == pytest.approx(2 / 3) and entry["n_over_1"] == 0
    reasons = {key: fault.reason for key, fault in summary.words[0].faults.items()}
    assert reasons == {"v": "estimate: missing", "w": "estimate: no line in the external text"}


def test_empty_reference_is_excluded_and_its_insertions_counted_apart():
    plan = make_plan("uv", text={"u": "a b", "v": "..."}, **external({"u": "a b", "v": "c d e"}))
    entry = aggregate(plan, {k: make_record(k) for k in "uv"}).wer["wer_external"]
    assert entry["corpus"] == 0.0 and entry["n"] == 1
    assert entry["n_excluded"] == 1 and entry["ins_excluded"] == 3


def test_dwer_compares_with_the_recognisers_text_of_the_target():
    plan = make_plan("u", text={"u": "a b"}, **external({"u": "a c"}, {"u": "a c"}))
    wer = aggregate(plan, {"u": make_record("u")}).wer
    assert wer["wer_external"]["corpus"] == 0.5 and wer["dwer_external"]["corpus"] == 0.0


def test_pocketsphinx_columns_are_flagged():
    plan = make_plan("uv", asr=[AsrSpec("pocketsphinx", "pocketsphinx")])
    records = {
        "u": make_record("u", texts={"pocketsphinx": {"estimate": "a", "target": "a b"}}),
        "v": make_record("v", texts={"pocketsphinx": {"estimate": "a"}}, text_faults={"target": "silent"}),
    }
    entry = aggregate(plan, records).wer["dwer_pocketsphinx"]
    assert entry["smoke_test"] and entry["corpus"] == 0.5 and entry["n_excluded"] == 1


def test_normaliser_is_applied_to_both_sides():
    plan = make_plan("u", text={"u": "WELL-KNOWN, man"}, **external({"u": "well known Man."}))
    assert aggregate(plan, {"u": make_record("u")}).wer["wer_external"]["corpus"] == 0.0


def test_words_of_the_interferer():
    plan = make_plan(
        "uvw",
        text={"u": "a b", "v": "a", "w": "a"},
        interferer_text={"u": "C, d b", "v": "e", "w": "a"},
        **external({"u": "a c c", "w": "a"}),
    )
    summary = aggregate(plan, {k: make_record(k) for k in "uvw"})
    entry = summary.wer["leak_external"]
    # Of u's c and d one is heard; v has no text, which must not look clean; w's interferer has no word of its own.
    assert (entry["corpus"], entry["nref"], entry["n"], entry["n_penalized"]) == (2 / 3, 3, 2, 1)
    assert summary.leaks[0].counts == {"u": (1, 2), "v": (1, 1), "w": None}


def test_words_of_the_interferer_where_the_target_is_absent_or_should_be():
    plan = make_plan(
        "uvw",
        text={"u": "a"},
        interferer_text={"u": "b c", "v": "d"},
        **external(dict.fromkeys("uvw", "b d")),
    )
    records = {
        "u": make_record("u"),
        "v": make_record("v", target_absent=True, absent_fault="its target is not silent"),
        "w": make_record("w", target_absent=True),
    }
    summary = aggregate(plan, records)
    entry = summary.wer["leak_external"]
    assert summary.leaks[0].counts == {"u": (1, 2), "v": None, "w": None}
    assert (entry["corpus"], entry["n"], entry["n_expected"], entry["n_excluded"]) == (0.5, 1, 2, 1)


def test_absent_targets_are_not_expected_of_other_metrics():
    absent = {"si_sdr": Outcome(None, Fault("n/a", "the target is absent")), "absent_leak": Outcome(-20.0)}
    present = {"si_sdr": Outcome(3.0), "absent_leak": Outcome(None, Fault("n/a", "the target is present"))}
    plan = make_plan("uv", text={"u": "a"}, **external({"u": "a", "v": "b"}))
    records = {"u": make_record("u", present), "v": make_record("v", absent, target_absent=True)}
    summary = aggregate(plan, records)
    for name, mean in (("si_sdr", 3.0), ("absent_leak", -20.0)):
        entry = summary.metrics[name]
        assert (entry["mean"], entry["n"], entry["n_expected"], entry["n_excluded"]) == (mean, 1, 1, 0)
    assert (
        "1 of 2 utterances: the target is absent (--absent); only false extraction is scored"
        in summary.warnings
    )
    assert summary.wer["wer_external"]["n_excluded"] == 0 and summary.wer["wer_external"]["corpus"] == 0.0
    assert summary.coverage == {
        "expected": 2,
        "missing": 0,
        "target_absent": 1,
        "penalized": 0,
        "excluded": 0,
    }


def test_a_target_that_is_wrongly_said_to_be_absent_is_excluded_everywhere():
    doubt = "--absent names it, but its target is not silent"
    plan = make_plan("uv", text={"u": "a"}, **external({"u": "a", "v": "b"}))
    wrong = make_record(
        "v", {"si_sdr": Outcome(None, Fault("ref", doubt))}, target_absent=True, absent_fault=doubt
    )
    summary = aggregate(plan, {"u": make_record("u"), "v": wrong})
    for entry in (summary.metrics["si_sdr"], summary.wer["wer_external"]):
        assert (entry["n"], entry["n_expected"], entry["n_excluded"]) == (1, 2, 1)
    assert summary.coverage["target_absent"] == 0 and summary.coverage["excluded"] == 1
    assert {"si_sdr", "wer_external"} <= set(summary.too_many_failures)


def test_buckets_hold_means_intervals_and_word_errors():
    keys = [f"u{i}" for i in range(6)]
    plan = make_plan(keys, text=dict.fromkeys(keys, "a b"), **external(dict.fromkeys(keys, "a")))
    records = {
        key: make_record(key, {"si_sdr": Outcome(float(i)), "est_dbfs": Outcome(0.0)}, input_sir_db=i - 1.5)
        for i, key in enumerate(keys)
    }
    parts = aggregate(plan, records).buckets["input_sir"]
    assert [(part["label"], part["n"]) for part in parts] == [("-5 to 0 dB", 2), ("0 to 5 dB", 4)]
    assert parts[1]["metrics"]["si_sdr"]["mean"] == 3.5 and parts[1]["metrics"]["si_sdr"]["n"] == 4
    low, high = parts[1]["metrics"]["si_sdr"]["ci95"]
    assert low < 3.5 < high
    assert parts[0]["metrics"]["wer_external"] == {"mean": 0.5, "ci95": [0.5, 0.5], "n": 2}
    assert "est_dbfs" not in parts[0]["metrics"]


def test_external_scores_are_columns_like_others(tmp_path):
    (tmp_path / "mos").write_text("u 3\nv 1\n")
    plan = make_plan("uvw", scores={"mos": read_external(f"mos={tmp_path / 'mos'},up")})
    records = {"u": make_record("u"), "v": make_record("v"), "w": make_record("w", estimate_fault="silent")}
    add_external(plan, records)
    entry = aggregate(plan, records).metrics["mos"]
    assert (entry["mean"], entry["n_penalized"], entry["external"]) == (5 / 3, 1, "mos from mos")


def test_external_scores_leave_absent_targets_out(tmp_path):
    (tmp_path / "mos").write_text("u 4\nv 3\nx 1\n")
    plan = make_plan("uvwx", scores={"mos": read_external(f"mos={tmp_path / 'mos'},up")})
    records = {key: make_record(key) for key in "uv"}
    records |= {"w": make_record("w", target_absent=True, estimate_fault="silent")}  # which is right
    records |= {"x": make_record("x", target_absent=True)}
    add_external(plan, records)
    entry = aggregate(plan, records).metrics["mos"]
    assert (entry["mean"], entry["n"], entry["n_penalized"], entry["n_excluded"]) == (3.5, 2, 0, 0)


def test_an_absent_target_whose_data_kill_the_process_needs_no_text():
    plan = make_plan("uv", text={"u": "a"}, **external({"u": "a"}))
    worker = WorkerPlan(("si_sdr",), (), "ref", "none", "none", 0, {}, {}, Path(), Path())
    killed = unusable_record(worker, Utterance("v", None, target_absent=True), "crash", "killed")
    summary = aggregate(plan, {"u": make_record("u"), "v": killed})
    assert summary.wer["wer_external"]["n"] == 1 and summary.words[0].faults["v"].kind == "n/a"


def test_missing_values_of_a_file_without_a_direction_are_said(tmp_path):
    (tmp_path / "rate").write_text("u 3\n")
    plan = make_plan("uv", scores={"rate": read_external(f"rate={tmp_path / 'rate'}")})
    records = {key: make_record(key) for key in "uv"}
    add_external(plan, records)
    summary = aggregate(plan, records)
    assert summary.metrics["rate"]["mean"] == 3.0 and summary.coverage["excluded"] == 1
    assert summary.too_many_failures == ["rate"] and "excluded in rate" in summary.warnings[0]


def test_unreadable_estimates_are_named():
    records = {
        "u": make_record("u"),
        "v": make_record("v", estimate_fault="unreadable: v.wav: is cut short."),
    }
    warning = aggregate(make_plan("uv"), records).warnings[-1]
    assert warning == "1 of 2 utterances: unreadable estimates, penalised; first 'v' (file 'failed')"


@pytest.mark.parametrize(
    "mean, said",
    [
        ({"conf_rate": 1.0}, "100 % of the estimates are nearer"),
        ({"clip_frac": 0.02}, "2.0 % of all samples"),
    ],
)
def test_odd_rates_are_said(mean, said):
    (name, value), *_ = mean.items()
    summary = aggregate(make_plan("u"), {"u": make_record("u", {name: Outcome(value)})})
    assert said in summary.warnings[0]
    assert aggregate(make_plan("u"), {"u": make_record("u", {name: Outcome(0.0)})}).warnings == []


@pytest.mark.parametrize(
    "system, flags, remark",
    [
        ("A", [], "100 % of the estimates improve SI-SDR by less than 1 dB"),
        ("A", ["equals_mixture"], "1 of 1 utterances: the estimates are the mixtures"),
        ("mixture", ["equals_mixture"], None),  # its name says so
    ],
)
def test_mixtures_are_called_so_unless_the_row_is(system, flags, remark):
    plan = make_plan("u")
    plan = replace(plan, options=replace(plan.options, system=system))
    record = replace(make_record("u", {"fail_rate": Outcome(1.0)}), flags=flags)
    warnings = aggregate(plan, {"u": record}).warnings
    assert [warning.startswith(remark) for warning in warnings] == [True] if remark else warnings == []


def test_a_penalty_is_no_measured_wrong_speaker():
    values = {"u": Outcome(1.0, EST), "v": Outcome(0.0), "w": Outcome(1.0)}
    records = {key: make_record(key, {"conf_rate": value}) for key, value in values.items()}
    summary = aggregate(make_plan("uvw"), records)
    assert summary.metrics["conf_rate"]["mean"] == pytest.approx(2 / 3)  # nor is it a right one
    assert any(warning.startswith("33 % of the estimates are nearer") for warning in summary.warnings)


def remarks_on_copies(*rows):
    """rows: (key, sha1 of the estimate, of the mixture, of the target[, flags])."""
    records = {}
    for key, estimate, mixture, target, *flags in rows:
        records[key] = make_record(key, estimate_sha1=estimate, mixture_sha1=mixture, target_sha1=target)
        records[key].flags += flags
    return [w for w in aggregate(make_plan(sorted(records)), records).warnings if "estimate" in w]


def test_copies_of_other_mixtures_are_named():
    rows = [("a", "e", "m1", "t1"), ("b", "e", "m2", "t2"), ("c", "f", "m3", "t3"), ("d", "e", None, None)]
    said = "2 of 4 utterances: estimates that are copies of another utterance's"
    assert remarks_on_copies(*rows) == [said]


@pytest.mark.parametrize("mixture", ["m", None])
def test_one_estimate_for_both_targets_of_a_mixture_is_no_foreign_copy(mixture):
    found = remarks_on_copies(("a#spk1", "e", mixture, "t1"), ("a#spk2", "e", mixture, "t2"))
    said = "1 of 2 utterances: the estimate is the same as for another target of the mixture"
    assert len(found) == 1 and found[0].startswith(said)


def test_equal_estimates_that_are_right_are_not_named():
    # One mixture and target, listed twice; and the mixtures themselves as a row.
    assert remarks_on_copies(("a", "e", "m", "t"), ("b", "e", "m", "t")) == []
    mixtures = [(f"a#spk{i}", "m", "m", f"t{i}", "equals_mixture") for i in (1, 2)]
    assert not any("same as for" in w or "copies" in w for w in remarks_on_copies(*mixtures))


def test_one_estimate_for_all_mixtures_of_two_targets():
    rows = [(f"{m}#{t}", "e", m, f"{m}{t}") for m in "abc" for t in "12"]
    found = remarks_on_copies(*rows)
    assert found[0] == "4 of 6 utterances: estimates that are copies of another utterance's"
    assert found[1].startswith("3 of 6 utterances: the estimate is the same")

import json

import numpy as np
import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result.compare import compare_systems
from espnet_tse.scoring.result.comparison_files import comparison_markdown, write_comparison

PROTOCOL = {
    "keys_sha256": "k",
    "reference_sha256": "r",
    "policies": {"length": "ref"},
    "measures": {"pesq": "1"},
}
KEYS = [f"u{i:02d}" for i in range(20)]


@pytest.fixture
def write_result(tmp_path):
    """write_result(name, {column: values}, errors=None, protocol=..., keys=KEYS, flags=()) -> decode folder."""

    def write(name, columns, errors=None, protocol=PROTOCOL, keys=KEYS, flags=()):
        folder = tmp_path / name / "scoring"
        folder.mkdir(parents=True)
        directions = {"pesq": True, "conf_rate": False, "est_dbfs": None}
        metrics = {column: {"higher_is_better": directions[column]} for column in columns}
        wer = {"wer_external": {"higher_is_better": False}} if errors is not None else {}
        meta = {"system": name, "test_set": "test", "protocol": protocol, "flags": list(flags)}
        (folder / "result.json").write_text(json.dumps({"meta": meta, "metrics": metrics, "wer": wer}))
        rows = [
            {"utt": key, "spk": key[-1], **{column: values[i] for column, values in columns.items()}}
            for i, key in enumerate(keys)
        ]
        (folder / "scores.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        if errors is not None:
            lines = [f"{key} {count} {words}\n" for key, (count, words) in zip(keys, errors)]
            (folder / "wer_external").write_text("".join(lines))
        return folder.parent

    return write


@pytest.fixture
def values():
    return list(np.random.default_rng(0).normal(2.0, 0.5, len(KEYS)))


def test_a_better_system_is_seen_by_its_pairs(write_result, values):
    first = write_result("A", {"pesq": values, "conf_rate": [0.0] * 20, "est_dbfs": [-20.0] * 20})
    # Better by a tenth of the spread everywhere: means cannot tell, pairs can.
    other = write_result(
        "B",
        {"pesq": [v + 0.05 for v in values], "conf_rate": [1.0] * 12 + [0.0] * 8, "est_dbfs": [-30.0] * 20},
    )
    comparison = compare_systems([first, other])
    pesq, conf, level = comparison.lines
    assert (pesq.metric, pesq.verdict, pesq.test.pairs) == ("pesq", "better", 20)
    assert pesq.test.difference == pytest.approx(0.05) and pesq.test.ci95 == pytest.approx([0.05, 0.05])
    assert (conf.verdict, conf.second) == ("worse", 0.6)  # higher is worse there
    assert level.verdict == "" and level.p_holm is None  # a diagnostic is not judged
    assert pesq.p_holm == pytest.approx(2 * pesq.test.p_value)  # two tests, this is the smaller p
    text = comparison_markdown(comparison)
    assert "| B | pesq ↑ | 20/20 |" in text and "**+0.05**" in text and "conf_rate ↓" in text
    assert "Holm's correction for the 2 tests" in text


def test_penalties_stand_in_the_table_and_the_better_system_has_none_where_it_is_bold(write_result, values):
    first = write_result("A", {"conf_rate": [1.0] * 12 + [0.0] * 8})
    other = write_result("B", {"conf_rate": [0.0] * 20})
    assert "**-0.6**" in comparison_markdown(compare_systems([first, other]))
    failed = "u01 conf_rate est estimate: silent\nu02 conf_rate ref no target\n"
    (other / "scoring" / "failed").write_text(failed)
    text = comparison_markdown(compare_systems([first, other]))
    assert "20/20, 0 and 1 pen" in text and "-0.6" in text and "**-0.6**" not in text
    assert "pen: failed outputs of the first and of the other system" in text


def test_excluded_utterances_leave_their_metric_only(write_result, values):
    first = write_result("A", {"pesq": [None, *values[1:]], "conf_rate": [0.0] * 20})
    other = write_result("B", {"pesq": values, "conf_rate": [0.0] * 20})
    assert [line.test.pairs for line in compare_systems([first, other]).lines] == [19, 20]


def test_word_errors_are_compared_as_corpus_rates(write_result, values):
    first = write_result("A", {"pesq": values}, errors=[(2, 10), (0, 90), ("nan", "nan"), *[(0, 10)] * 17])
    other = write_result("B", {"pesq": values}, errors=[(0, 10), (9, 90), (1, 3), *[(0, 10)] * 17])
    line = compare_systems([first, other], metrics=("wer_external",)).lines[0]
    assert (
        line.test.pairs == 19
        and line.first == pytest.approx(2 / 270)
        and line.second == pytest.approx(9 / 270)
    )


def test_every_system_against_the_first_and_one_correction(write_result, values):
    folders = [
        write_result(name, {"pesq": [v + d for v in values]}) for name, d in (("A", 0), ("B", 1), ("C", -1))
    ]
    lines = compare_systems(folders).lines
    assert [(line.system, line.verdict) for line in lines] == [("B", "better"), ("C", "worse")]
    assert lines[0].p_holm == pytest.approx(2 * lines[0].test.p_value)


def test_speakers_as_units(write_result, values):
    first = write_result("A", {"pesq": values})
    other = write_result("B", {"pesq": [v + 0.05 for v in values]})
    # Ten speakers, all of one sign: 2 of 1024 patterns.
    assert compare_systems([first, other], ci_unit="spk").lines[0].test.p_value == 2 / 1024


def test_other_protocols_are_refused_unless_forced(write_result, values):
    first = write_result("A", {"pesq": values})
    other = write_result("B", {"pesq": values}, protocol=PROTOCOL | {"reference_sha256": "x"})
    with pytest.raises(DataError, match="other target audio.*--force"):
        compare_systems([first, other])
    remarks = compare_systems([first, other], force=True).remarks
    assert any("WARNING, forced: 'B' was scored under another protocol" in remark for remark in remarks)


def test_other_utterances_are_counted(write_result, values):
    first = write_result("A", {"pesq": values})
    other = write_result("B", {"pesq": values[:5]}, keys=KEYS[:5])
    comparison = compare_systems([first, other])
    assert comparison.lines[0].test.pairs == 5
    assert "WARNING: 5 common utterances of 20 ('A') and 5 ('B')." in comparison.remarks


def test_flags_and_equal_names_are_shown(write_result, values, tmp_path):
    first = write_result("x/S", {"pesq": values})
    other = write_result("y/S", {"pesq": values}, flags=["best of 8 candidates"])
    for folder in (first, other):
        path = folder / "scoring" / "result.json"
        path.write_text(path.read_text().replace("x/S", "S").replace("y/S", "S"))
    comparison = compare_systems([first, other])
    assert str(other) in comparison.lines[0].system
    assert any("is flagged: best of 8 candidates" in remark for remark in comparison.remarks)


def test_other_inputs_refuse_the_columns_that_rest_on_them(write_result, values):
    protocols = [PROTOCOL | {"inputs": {"conf_rate": {"intf": name}}} for name in "ab"]
    columns = {"pesq": values, "conf_rate": values}
    folders = [write_result(name, columns, protocol=found) for name, found in zip("AB", protocols)]
    with pytest.raises(DataError, match=r"other interferers \(conf_rate\)"):
        compare_systems(folders)
    assert [line.metric for line in compare_systems(folders, metrics=("pesq",)).lines] == ["pesq"]


def test_what_only_one_was_scored_for_is_told(write_result, values):
    first = write_result("A", {"pesq": values, "conf_rate": values}, errors=[(1, 2)] * 20)
    other = write_result("B", {"pesq": values, "est_dbfs": values})
    remarks = compare_systems([first, other]).remarks
    assert "Not compared, only in 'A' and not in 'B': conf_rate, wer_external." in remarks
    assert "Not compared, only in 'B' and not in 'A': est_dbfs." in remarks
    assert "Not compared" not in "".join(compare_systems([first, other], metrics=("pesq",)).remarks)


def test_places_of_scores(write_result, values):
    first, other = write_result("A", {"pesq": values}), write_result("B", {"pesq": values})
    for place in (other / "scoring", other / "scoring" / "result.json"):
        assert compare_systems([first, place]).lines[0].system == "B"
    with pytest.raises(DataError, match="A and .*A/scoring are the same scores"):
        compare_systems([first, other, first / "scoring"])


def test_what_is_written(write_result, values, tmp_path):
    folders = [write_result("A", {"pesq": values}), write_result("B|", {"pesq": values})]
    write_comparison(compare_systems(folders), tmp_path / "out")
    assert "| scored | A | B\\| |" in (tmp_path / "out" / "compare.md").read_text()
    line = json.loads((tmp_path / "out" / "compare.json").read_text())["lines"][0]
    assert line["test"]["p_value"] == 1.0 and line["verdict"] is None


def test_errors(write_result, values, tmp_path):
    first = write_result("A", {"pesq": values})
    with pytest.raises(DataError, match="has no result.json, nor has its folder 'scoring'"):
        compare_systems([first, tmp_path])
    with pytest.raises(DataError, match="--metrics stoi: not scored for both 'A' and 'B'; both have pesq"):
        compare_systems([first, write_result("B", {"pesq": values})], metrics=("stoi",))
    with pytest.raises(DataError, match="shares no utterance"):
        compare_systems([first, write_result("C", {"pesq": values}, keys=[f"v{i}" for i in range(20)])])
    empty = write_result("D", {"pesq": values})
    (empty / "scoring" / "scores.jsonl").unlink()
    with pytest.raises(DataError, match="has no scores.jsonl"):
        compare_systems([first, empty])
    one, two = (write_result(name, {"pesq": values}, errors=[(1, 2)] * 20) for name in "EF")
    (two / "scoring" / "wer_external").unlink()
    with pytest.raises(DataError, match="wer_external: no such file"):
        compare_systems([one, two])

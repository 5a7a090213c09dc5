import json
import math
import re
from pathlib import Path

import pytest
import yaml

from espnet_tse.io.scp import DataError
from espnet_tse.report.collect import collect_results
from espnet_tse.report.group_tables import build_groups
from espnet_tse.report.paper_rows import read_paper_rows
from espnet_tse.report.results_file import results_markdown

CONF = Path(__file__).resolve().parents[2] / "egs2" / "TEMPLATE" / "tse1" / "conf"
DATA = {"preset": "offline", "list": "a public list", "mode": "min", "kind": "clean"}
PROTOCOL = {**DATA, "sample_rate": 16000}


@pytest.fixture
def write_rows(tmp_path):
    """Write a file of one table, with changes."""

    def write(**changes):
        table = {
            "source": "arXiv:1, Table 2",
            "protocol": PROTOCOL,
            "rows": [{"system": "theirs", "n": 3000, "si_sdr": 12.5, "dwer_whisper_base": 0.159}],
            **changes,
        }
        path = tmp_path / "papers.yaml"
        path.write_text(yaml.safe_dump({"tables": [table]}))
        return path

    return write


@pytest.fixture
def results(exp_dir):
    """Results whose test set is the public list."""
    protocol = {**DATA, "rate": 16000, "bandwidth": "16k"}
    for path in exp_dir.rglob("result.json"):
        content = json.loads(path.read_text())
        content["meta"]["protocol"] = protocol
        path.write_text(json.dumps(content))
    return collect_results(exp_dir)


def test_rows_of_the_same_protocol_stand_beside_ours(results, write_rows):
    text = results_markdown(build_groups(results, read_paper_rows(write_rows())))
    assert "| theirs (paper) | 3000 | 12.50 |" in text
    assert "(paper): figures published in arXiv:1, Table 2, not scored here" in text
    row = next(line for line in text.splitlines() if "theirs" in line and "15.9" in line)
    assert row.startswith("| theirs (paper) | 3000 |")
    assert "WARNING: (paper)" in text and "N is 3000 there and 10 here" in text
    # They do not compete with what was scored here.
    assert "**9.00**" in text


@pytest.mark.parametrize(
    "overrides, words, reason",
    [
        ({"length": "ref", "asr": "external:x"}, False, "--length ref, which is not the preset's"),
        ({"level": "peak"}, False, "--level peak, which is not the preset's"),
        ({"text_norm": "basic", "align": "xcorr"}, True, "--text_norm basic, which is not the preset's"),
        ({"text_norm": "basic", "unit": "char"}, False, ""),  # no texts are published
        ({"align": "xcorr"}, True, ""),  # only adds columns
    ],
)
def test_rows_do_not_stand_beside_results_that_go_against_the_preset(
    results, write_rows, caplog, overrides, words, reason
):
    for result in results:
        result.meta["preset_overrides"] = overrides
    figures = {"si_sdr": 12.5} | ({"dwer_whisper_base": 0.159} if words else {})
    papers = read_paper_rows(write_rows(rows=[{"system": "theirs", **figures}]))
    assert ("theirs (paper)" in results_markdown(build_groups(results, papers))) == (not reason)
    assert f"papers.yaml:2: arXiv:1, Table 2: {reason} (" in caplog.text if reason else not caplog.text


def test_rows_of_as_many_utterances_need_no_warning(results, write_rows):
    rows = [{"system": "theirs", "n": 10, "si_sdr": 12.5}]
    text = results_markdown(build_groups(results, read_paper_rows(write_rows(rows=rows))))
    assert "- (paper): figures published in arXiv:1, Table 2, not scored here\n" in f"{text}\n"


def test_tags_of_recognisers_may_have_dots_and_hyphens(write_rows, caplog):
    figures = {"wer_whisper_base.en": 0.1, "dwer_whisper_large-v2": 0.2}
    (table,) = read_paper_rows(write_rows(rows=[{"system": "theirs", **figures}]))
    assert {name: entry["corpus"] for name, entry in table.rows[0].wer.items()} == figures and not caplog.text


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("preset", "laura", "preset laura, here offline"),
        ("list", "another list", "list another list, here a public list"),
        ("mode", "max", "mode max, here min"),
        ("kind", "both", "kind both, here clean"),
        ("sample_rate", 8000, "sample_rate 8000, here 16000"),
    ],
)
def test_rows_of_another_protocol_are_left_out(results, write_rows, caplog, field, value, message):
    path = write_rows(protocol={**PROTOCOL, field: value})
    groups = build_groups(results, read_paper_rows(path))
    assert not any(group.published for group in groups)
    assert f"published rows left out: {path}:2: arXiv:1, Table 2: {message}" in caplog.text


def test_what_fits_stands_and_what_does_not_is_reported(results, write_rows, caplog):
    fitting = read_paper_rows(write_rows())
    other = read_paper_rows(write_rows(source="other", protocol={**PROTOCOL, "preset": "laura"}))
    groups = build_groups(results, [*fitting, *other])
    assert [row.source for row in groups[0].published] == ["arXiv:1, Table 2"]
    assert "papers.yaml:2: other: preset laura, here offline" in caplog.text


def test_a_list_that_is_not_recorded_fits_nothing(exp_dir, write_rows, caplog):
    build_groups(collect_results(exp_dir), read_paper_rows(write_rows()))
    assert "list a public list, here not recorded" in caplog.text


def test_how_to_name_the_list_is_said_once_with_the_systems(exp_dir, write_rows, caplog):
    for path in exp_dir.rglob("result.json"):
        content = json.loads(path.read_text())
        content["meta"]["inputs"] = {"ref_scp": "test/spk1.scp"}
        path.write_text(json.dumps(content))
    results = collect_results(exp_dir)
    build_groups(results, read_paper_rows(write_rows()))
    message = caplog.text
    assert message.count("'list: <name>', 'mode: min or max', 'kind: clean or both'") == 1
    assert "into the file test/protocol (for " in message
    assert all(f"'{result.system}'" in message for result in results)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"protocol": {"preset": "offline"}}, "'protocol' must give preset, list, mode, kind, sample_rate"),
        ({"source": ""}, "needs 'source'"),
        ({"rows": "none"}, "needs 'source' .publication and table. and a list 'rows'"),
    ],
)
def test_a_table_that_does_not_fit_costs_its_rows(results, write_rows, caplog, changes, message):
    path = write_rows(**changes)
    assert read_paper_rows(path) == []
    assert re.search(f"published table left out: {path}:2: {message}", caplog.text)


@pytest.mark.parametrize(
    "row, message",
    [
        ({"si_sdr": 1.0}, "needs 'system'"),
        ({"system": "a", "si_sdrr": 1.0}, "unknown 'si_sdrr' .did you mean 'si_sdr'"),
        ({"system": "a", "si_sdr": "high"}, "'si_sdr' is 'high', not a number"),
        ({"system": "a", "si_sdr": math.nan}, "'si_sdr' is 'nan', not a number"),
        ({"system": "a", "n": "3,000", "si_sdr": 1.0}, "'n' is '3,000', not a number of utterances"),
        ({"system": "a", "n": True, "si_sdr": 1.0}, "'n' is 'True', not a number of utterances"),
        ("a 1.0", "needs 'system'"),
    ],
)
def test_a_row_that_does_not_fit_costs_itself(tmp_path, caplog, row, message):
    path = tmp_path / "papers.yaml"
    head = f"tables:\n- source: a\n  protocol: {json.dumps(PROTOCOL)}\n  rows:\n"
    rows = [{"system": "first", "si_sdr": 1.0}, row, {"system": "last", "si_sdr": 2.0}]
    path.write_text(head + "".join(f"  - {json.dumps(each)}\n" for each in rows).replace("NaN", ".nan"))
    (table,) = read_paper_rows(path)
    assert [each.system for each in table.rows] == ["first", "last"]
    assert re.search(f"published row left out: {path}:6: {message}", caplog.text)


@pytest.mark.parametrize("content", ["rows: []\n", "- a\n", "tables: {\n", "tables: []\ntables: []\n", ""])
def test_a_file_that_does_not_fit_costs_its_rows(results, tmp_path, caplog, content):
    path = tmp_path / "papers.yaml"
    path.write_text(content)
    assert build_groups(results, read_paper_rows(path)) and f"published rows left out: {path}" in caplog.text


def test_a_file_that_is_not_there_is_an_error_of_the_option(tmp_path):
    with pytest.raises(DataError, match="no such file; fix --paper_rows"):
        read_paper_rows(tmp_path / "papers.yaml")


@pytest.mark.parametrize("path", sorted(CONF.glob("published/*.yaml")), ids=lambda path: path.stem)
def test_published_rows_of_the_recipes_are_read(path, caplog):
    tables = read_paper_rows(path)
    rows = [row for table in tables for row in table.rows]
    assert len(rows) >= 5 and all(row.metrics for row in rows)
    assert len({row.system for row in rows}) == len(rows) and not caplog.text

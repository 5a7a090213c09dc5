import json
import re

import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.report.collect import collect_results
from espnet_tse.report.columns import DIAGNOSTICS
from espnet_tse.report.group_tables import build_groups
from espnet_tse.report.results_file import BEGIN, END, GENERATED, write_results
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.run.presets import PRESETS


def table_rows(text: str, first_column: str = "system") -> list[list[str]]:
    """Cells of all table lines of the Markdown, heads included."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|:")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.fixture
def groups(exp_dir):
    return build_groups(collect_results(exp_dir))


def test_same_results_give_the_same_bytes(tmp_path, groups):
    path = tmp_path / "RESULTS.md"
    write_results(path, groups)
    first = path.read_bytes()
    write_results(path, groups)
    assert path.read_bytes() == first


def test_head_is_that_of_espnet(tmp_path, groups):
    path = tmp_path / "RESULTS.md"
    write_results(path, groups)
    text = path.read_text()
    assert text.startswith(GENERATED)
    assert "\n# RESULTS\n## Environments\n- date: `2026-01-02T03:04:05`\n- python version: `3.11.9`\n" in text
    assert "- Git hash: `0123abc`" in text


def test_tables_hold_mean_and_half_interval(tmp_path, groups):
    path = tmp_path / "RESULTS.md"
    write_results(path, groups)
    rows = table_rows(path.read_text())
    assert rows[0] == ["system", "N", "OVRL", "spk(resemblyzer)", "len≠", "scored"]
    assert rows[1] == ["mixture", "10", "2.400 ±0.150", "0.760 ±0.150", "0.0", "10/10"]
    # The half interval of [mean - 0.1, mean + 0.2] is 0.15, in per cent 15.
    assert rows[5] == ["system", "N", "SI-SDR", "scored"]
    assert rows[6] == ["mixture", "10", "-0.50 ±0.15", "10/10"]
    assert rows[9] == ["system10", "10", "**9.00** ±0.15", "10/10"]
    assert rows[10] == ["system", "N", "conf% (voice)", "scored"]
    assert rows[11] == ["mixture", "10", "–", "10/10"]
    assert rows[13] == ["system2", "10", "20.0 ±15.0", "10/10"]
    assert rows[14] == ["system10", "10", "**10.0** ±15.0", "10/10"]


def test_columns_without_any_value_are_left_out(tmp_path, groups):
    path = tmp_path / "RESULTS.md"
    write_results(path, groups)
    assert "NISQA" not in path.read_text()
    assert "PESQ" not in path.read_text()


def test_text_around_the_marks_is_kept(tmp_path, groups):
    path = tmp_path / "RESULTS.md"
    path.write_text(f"# My notes\nbefore\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_results(path, groups)
    text = path.read_text()
    assert text.startswith("# My notes\nbefore\n")
    assert text.endswith("\nafter\n")
    assert "\nold\n" not in text
    assert "| mixture |" in text


def test_marks_of_another_wording_are_known(tmp_path, groups):
    path = tmp_path / "RESULTS.md"
    path.write_text(
        "mine\n<!-- espnet-tse report: begin -->\nold\n<!-- espnet-tse report: end -->\n", encoding="utf-8"
    )
    write_results(path, groups)
    assert path.read_text().startswith("mine\n")
    assert "\nold\n" not in path.read_text()


def test_hand_written_file_is_refused_and_left_alone(tmp_path, groups):
    path = tmp_path / "RESULTS.md"
    path.write_text("# RESULTS\nby hand\n", encoding="utf-8")
    with pytest.raises(DataError, match="hand-written text and no marks"):
        write_results(path, groups)
    assert path.read_text() == "# RESULTS\nby hand\n"
    path.write_text("# RESULTS\n", encoding="utf-16")
    with pytest.raises(DataError, match="not UTF-8"):
        write_results(path, groups)


@pytest.mark.parametrize("text", [f"{END}\n{BEGIN}\n", f"{BEGIN}\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n"])
def test_confused_marks_are_refused(tmp_path, groups, text):
    path = tmp_path / "RESULTS.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="not one pair"):
        write_results(path, groups)


def test_penalties_are_marked_and_counted(exp_dir, tmp_path, write_result):
    metrics = {
        "si_sdr": {"mean": -3.0, "ci95": None, "n": 10, "n_penalized": 2, "n_excluded": 0},
        "estoi": {"mean": 0.5, "ci95": None, "n": 9, "n_penalized": 2, "n_excluded": 1},
    }
    write_result(exp_dir / "tse_c" / "decode", "system3", metrics=metrics)
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    text = path.read_text()
    rows = table_rows(text)
    assert rows[0][-1] == "scored"
    assert next(row for row in rows if row[0] == "system3 †")[-1] == "9/10, 2 pen, 1 exc"
    assert "system3 †: 2 of 10 penalised (all metrics), 1 of 10 excluded (estoi)" in text


def test_a_table_has_the_coverage_of_its_own_columns(exp_dir, tmp_path, write_result):
    full = {"ci95": None, "n": 8, "n_expected": 8, "n_penalized": 0, "n_excluded": 0}
    metrics = {"si_sdr": {"mean": -3.0, **full}, "dnsmos_ovrl": {"mean": 2.5, **full}}
    wer = {
        "dwer_x": {"corpus": 0.5, "ci95": None, "n": 7, "n_expected": 8, "n_penalized": 0, "n_excluded": 1}
    }
    path = write_result(exp_dir / "tse_c" / "decode", "system3", metrics=metrics, wer=wer)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"coverage": {"target_absent": 2}}))
    write_results(tmp_path / "RESULTS.md", build_groups(collect_results(exp_dir)))
    text = (tmp_path / "RESULTS.md").read_text()
    rows = [(row[0], row[-1]) for row in table_rows(text) if row[0].startswith("system3")]
    assert ("system3 †", "7/10, 2 target absent, 1 exc") in rows and (
        "system3",
        "8/10, 2 target absent",
    ) in rows


def test_one_penalty_in_many_utterances_has_no_dagger(exp_dir, tmp_path, write_result):
    metrics = {"si_sdr": {"mean": 3.0, "ci95": None, "n": 200, "n_penalized": 2, "n_excluded": 0}}
    write_result(exp_dir / "tse_c" / "decode", "system3", metrics=metrics, meta={"n": 200})
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    rows = [row[-1] for row in table_rows(path.read_text()) if row[0] == "system3"]
    assert rows == ["200/200", "200/200, 2 pen", "200/200"]


def test_different_protocols_stand_in_separate_tables_and_it_is_said(exp_dir, tmp_path, write_result):
    scores = {"si_sdr": 99.0}
    write_result(
        exp_dir / "tse_c" / "decode", "system3", scores=scores, meta={"signature": "two", "preset": "usef"}
    )
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    text = path.read_text()
    assert "scored in 2 different ways" in text
    first, second = text.split("### protocol 2 of 2: preset usef")
    assert "system3" not in first
    assert "system10" not in second
    # The best of the first table is not beaten by a figure that must not be compared.
    assert "**9.00**" in first


def test_word_error_rates_name_the_recogniser(exp_dir, tmp_path, write_result):
    entry = {"corpus": 0.123, "ci95": [0.1, 0.16], "norm": "basic"}
    wer = {
        "wer_whisper_base": {**entry, "asr": "whisper base"},
        "dwer_pocketsphinx": {**entry, "corpus": 0.5, "asr": "pocketsphinx"},
    }
    write_result(exp_dir / "tse_c" / "decode", "system3", wer=wer)
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    text = path.read_text()
    rows = table_rows(text)
    heads = rows[0]
    row = next(row for row in rows if row[0] == "system3")
    assert heads.index("dWER% (pocketsphinx*)") < heads.index("WER% (whisper_base)")
    assert row[heads.index("dWER% (pocketsphinx*)")] == "50.0 ±3.0"
    assert row[heads.index("WER% (whisper_base)")] == "12.3 ±3.0"
    assert re.search(r"dwer_pocketsphinx: .*smoke test", text)
    assert not re.search(r"wer_whisper_base: .*smoke test", text)


def test_speaker_similarity_is_read_against_its_chance_level(tmp_path, groups):
    path = tmp_path / "RESULTS.md"
    write_results(path, groups)
    assert "two different speakers reach about 0.5" in path.read_text()


def test_length_column_counts_what_is_off(exp_dir, tmp_path):
    scores = exp_dir / "tse_a" / "decode_test" / "scoring" / "scores.jsonl"
    scores.write_text(
        scores.read_text().replace('"len_ratio": 1.0', '"len_ratio": 0.85', 3), encoding="utf-8"
    )
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    rows = table_rows(path.read_text())
    row = next(row for row in rows if row[0] == "system2")
    assert row[rows[0].index("len≠")] == "30.0"


def test_names_cannot_break_the_table(exp_dir, tmp_path, write_result):
    write_result(exp_dir / "tse_c" / "decode", "a|b <b>\nc")
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    assert "| a\\|b &lt;b> c |" in path.read_text()


def test_rows_on_other_utterances_are_warned_of(exp_dir, tmp_path):
    scores = exp_dir / "tse_a" / "decode_test" / "scoring" / "scores.jsonl"
    scores.write_text("".join(scores.read_text().splitlines(True)[:4]), encoding="utf-8")
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    assert "WARNING: not all rows cover the same utterances (4 in common; mixture 10" in path.read_text()


def test_command_holds_the_options_that_were_set(exp_dir, tmp_path, write_result):
    options = {
        "inf_scp": "a b/wav.scp",
        "asr": ["x", "y"],
        "text": None,
        "force": False,
        "allow_upsample": True,
    }
    write_result(exp_dir / "tse_c" / "decode", "system30", meta={"options": options})
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    command = "Command of system30: espnet-tse score --inf_scp 'a b/wav.scp' --asr x --asr y --allow_upsample"
    assert command in path.read_text()


def test_shifted_columns_stand_beside_the_plain_ones(exp_dir, tmp_path, write_result):
    write_result(exp_dir / "tse_c" / "decode", "system30", scores={"si_sdr": 1.0, "si_sdr_al": 5.0})
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    heads = next(row for row in table_rows(path.read_text()) if "SI-SDR" in row)
    assert heads[2:4] == ["SI-SDR", "SI-SDR (shifted)"]


def test_oracle_inputs_and_odd_outputs_are_reported_beside_the_row(exp_dir, tmp_path, write_result):
    meta = {"flags": ["best of 8 candidates"]}
    path = write_result(exp_dir / "tse_c" / "decode", "system3", scores={"si_sdr": 9.9}, meta=meta)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "warnings": ["2 of 10 utterances: clipped"]}))
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    text = path.read_text()
    assert "| system3 ‡ | 10 |" in text
    assert "- system3 ‡: best of 8 candidates\n- system3 ‡: 2 of 10 utterances: clipped\n" in text


def write_rivals(folder, write_result, **changes):
    """Two systems, of which "worse" has the better word error rate; its scoring has the changes."""
    entry = {"ci95": None, "norm": "basic", "asr": "x"}
    full = {"n_penalized": 0, "n_excluded": 0}
    write_result(folder / "a", "better", wer={"wer_x": {**entry, **full, "corpus": 0.7}})
    write_result(folder / "b", "worse", wer={"wer_x": {**entry, **full, "corpus": 0.4, **changes}})


def lines_of(folder):
    path = folder / "RESULTS.md"
    write_results(path, build_groups(collect_results(folder)))
    return path.read_text()


def test_a_penalised_row_is_never_bold_and_the_notes_say_why(tmp_path, write_result):
    write_rivals(tmp_path / "whole", write_result)
    assert "**40.0**" in lines_of(tmp_path / "whole")
    write_rivals(tmp_path / "gap", write_result, n_penalized=1)
    text = lines_of(tmp_path / "gap")
    assert "**40.0**" not in text and "40.0" in text
    assert "no penalised and no further excluded utterance" in text and "may lower the rate" in text


def test_what_is_excluded_for_all_alike_does_not_hinder_bold(tmp_path, write_result):
    write_rivals(tmp_path / "more", write_result, n_excluded=1)
    assert "**40.0**" not in lines_of(tmp_path / "more")
    path = write_result(tmp_path / "all" / "a", "A", scores={"pesq": 2.0})
    other = write_result(tmp_path / "all" / "b", "B", scores={"pesq": 3.0})
    for each in (path, other):
        each.write_text(each.read_text().replace('"n_excluded": 0', '"n_excluded": 1'))
    assert "**3.00**" in lines_of(tmp_path / "all")


def test_a_flagged_row_is_never_bold_and_its_mark_is_explained(exp_dir, write_result):
    meta = {"flags": ["oracle: target's codes"]}
    write_result(exp_dir / "c", "system3", scores={"si_sdr": 99.0}, meta=meta)
    text = lines_of(exp_dir)
    assert "99.00" in text and "**99.00**" not in text and "**9.00**" in text
    assert "‡: flagged, see below" in text


def test_a_preset_that_was_not_scored_whole_is_named(tmp_path, write_result):
    write_result(tmp_path / "a", "A", scores={"dnsmos_sig": 3.0}, meta={"preset": "laura"})
    preset = PRESETS["laura"].metrics
    whole = dict.fromkeys(preset, 0.5)
    part = {name: 0.5 for name in preset if name not in ("nisqa", "sbs")}
    wer = {"dwer_x": {"corpus": 0.5, "ci95": None, "norm": "none", "asr": "x"}}
    write_result(tmp_path / "b", "B", scores=whole, meta={"preset": "laura"}, wer=wer)
    write_result(tmp_path / "c", "C", scores=part, meta={"preset": "laura"})
    text = lines_of(tmp_path)
    assert "- A: only dnsmos_sig of preset laura\n" in text
    assert "- C: without nisqa, sbs, word errors of preset laura\n" in text
    assert "- B: " not in text


def test_texts_tell_of_leaked_words_and_of_hallucinations(exp_dir, tmp_path, write_result):
    entry = {"corpus": 0.2, "ci95": [0.1, 0.3], "norm": "basic", "asr": "whisper_base"}
    wer = {"wer_whisper_base": {**entry, "hallucination_rate": 0.05}, "leak_whisper_base": entry}
    write_result(exp_dir / "tse_c" / "decode", "system3", wer=wer)
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    rows = table_rows(path.read_text())
    heads = next(row for row in rows if "leak% (whisper_base)" in row)
    row = [row for row in rows if row[0] == "system3"][-1]
    assert row[heads.index("leak% (whisper_base)")] == "20.0 ±10.0"
    assert row[heads.index("halluc% (whisper_base)")] == "5.0"
    assert "leak% (whisper_base)" not in rows[0]


@pytest.mark.parametrize("name", ["distance", "spk_distance"])
def test_scores_of_another_tool_have_one_column_that_knows_its_direction(
    exp_dir, tmp_path, write_result, name
):
    for system, value in (("system3", 2.0), ("system4", 3.0)):
        entry = {
            "mean": value,
            "ci95": None,
            "n": 10,
            "external": "from versa.jsonl",
            "higher_is_better": False,
        }
        write_result(exp_dir / system / "decode", system, metrics={name: entry})
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(exp_dir)))
    text = path.read_text()
    rows = table_rows(text)
    row = next(row for row in rows if row[0] == "system3")
    assert row[rows[0].index(name)] == "**2.000**"
    assert row.count("**2.000**") == 1 and "3.000**" not in text and "Speaker model distance" not in text


def test_every_metric_has_one_column_but_diagnostics(tmp_path, write_result):
    scores = {name: 0.5 for name in [*METRICS, "si_sdr_al", "onset_loss_al"]}
    write_result(tmp_path / "a", "A", scores=scores)
    (tables,) = build_groups(collect_results(tmp_path))
    columns = [column.name for table in tables.tables for column in table.columns]
    assert sorted(columns) == sorted(set(scores) - set(DIAGNOSTICS))


def test_times_of_speech_and_what_has_no_other_table(tmp_path, write_result):
    for system, level in (("A", 0.5), ("B", 0.6)):
        scores = {"timing_f1": level, "pause_leak": -30 * level, "sbs_r": level, "rtf": level / 2}
        write_result(tmp_path / system, system, scores=scores)
    path = tmp_path / "RESULTS.md"
    write_results(path, build_groups(collect_results(tmp_path)))
    rows = [row for row in table_rows(path.read_text()) if row[0] in ("system", "B")]
    rows = [[cell.partition(" ±")[0] for cell in row[:4]] for row in rows]
    assert rows[-4:] == [
        ["system", "N", "timing F1", "pause leak"],
        ["B", "10", "**0.600**", "**-18.0**"],
        ["system", "N", "sbs_r", "rtf"],
        ["B", "10", "**0.600**", "0.300"],  # how long it took is neither good nor bad
    ]

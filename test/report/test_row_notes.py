from espnet_tse.report.collect import collect_results
from espnet_tse.report.group_tables import build_groups
from espnet_tse.report.row_notes import grouped, other_versions


def test_a_remark_of_several_systems_is_one_line():
    excluded = "1 of 9 excluded (pesq)"
    remarks = [("a", "clipped"), ("b", excluded), ("c", "clipped"), ("c", excluded)]
    assert grouped(remarks) == ["a, c: clipped", f"b, c: {excluded}"]


def test_figures_of_one_remark_stand_by_their_systems():
    text = "of the estimates are odd"
    remarks = [("a", f"48 % {text}"), ("b", f"0.5 % {text}"), ("c", f"48 % {text}")]
    assert grouped(remarks) == [f"a, c: 48 %; b: 0.5 % {text}"]


def test_rows_of_another_version_or_commit_are_named(exp_dir, write_result):
    meta = {"commit": "fedcba98765432-dirty", "versions": {"python": "3.11.9", "pesq": "0.0.3"}}
    for system in ("system3", "system4"):
        write_result(exp_dir / system / "decode", system, scores={"si_sdr": 1.0}, meta=meta)
    notes = build_groups(collect_results(exp_dir))[0].notes
    other = "Scored by another version of"
    assert [note for note in notes if note.startswith(other)] == [
        f"{other} espnet_tse than commit 0123abc of the other rows: commit fedcba9-dirty (system3, system4)",
        f"{other} pesq than 0.0.4 of the other rows: 0.0.3 (system3, system4)",
    ]


def test_units_of_intervals_are_told_by_row_where_they_differ(exp_dir, write_result):
    of_speakers = {"settings": {"ci_unit": "spk"}}
    write_result(exp_dir / "a" / "decode", "system1", scores={"si_sdr": 1.0}, meta=of_speakers)
    notes = build_groups(collect_results(exp_dir))[0].notes
    others = "mixture, codec resynthesis, system2, system10"
    assert f"bootstrap interval over utterances ({others}) or target speakers (system1);" in notes[0]
    for result in (results := collect_results(exp_dir)):
        result.meta.update(of_speakers)
    assert "bootstrap interval over target speakers;" in build_groups(results)[0].notes[0]


def test_rows_of_one_version_need_no_note(exp_dir):
    assert other_versions(collect_results(exp_dir)) == []


def test_equal_notes_on_several_metrics_are_one_line(exp_dir, write_result):
    entry = {"corpus": 0.2, "ci95": None, "asr": "whisper_base", "norm": "basic"}
    wer = {"wer_whisper_base": entry, "dwer_whisper_base": entry}
    meta = {"not_available": {"nisqa": "no weights", "utmos": "no weights"}}
    write_result(exp_dir / "c" / "decode", "system30", wer=wer, meta=meta)
    notes = build_groups(collect_results(exp_dir))[0].notes
    assert "wer_whisper_base, dwer_whisper_base: recogniser whisper_base, text normaliser basic" in notes
    assert "n/a: nisqa, utmos: no weights" in notes

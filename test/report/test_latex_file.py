from espnet_tse.report.collect import collect_results
from espnet_tse.report.group_tables import build_groups
from espnet_tse.report.latex_file import escape, labels, write_latex


def test_tables_have_one_width_and_the_best_is_bold(exp_dir, tmp_path):
    write_latex(tmp_path / "tables.tex", build_groups(collect_results(exp_dir)))
    text = (tmp_path / "tables.tex").read_text()
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3
    for block in text.split(r"\begin{tabular}")[1:]:
        spec = block[1 : block.index("}")]
        rows = [line for line in block.splitlines() if line.endswith(r"\\")]
        assert len(rows) == 5
        assert all(row.count(" & ") == len(spec) - 1 for row in rows)
    assert r"$\mathbf{9.00} {\scriptstyle\pm 0.15}$" in text
    assert r"conf\% (voice) $\downarrow$" in text


def test_references_stand_apart_from_systems(exp_dir, tmp_path):
    write_latex(tmp_path / "tables.tex", build_groups(collect_results(exp_dir)))
    lines = (tmp_path / "tables.tex").read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("system2 &"))
    assert lines[place - 1] == r"\midrule"
    assert lines[place - 2].startswith("codec resynthesis &")


def test_coverage_stands_in_every_table(exp_dir, tmp_path, write_result):
    metrics = {"dnsmos_ovrl": {"mean": 2.0, "ci95": None, "n": 10, "n_penalized": 2, "n_excluded": 0}}
    write_result(exp_dir / "tse_c" / "decode", "system3", metrics=metrics)
    write_latex(tmp_path / "tables.tex", build_groups(collect_results(exp_dir)))
    text = (tmp_path / "tables.tex").read_text()
    assert r"system3 $^\dagger$ & 10 & $2.000$ & -- & $0.0$ & 10/10, 2 pen \\" in text
    assert text.count("penalised and excluded utterances") == 3


def test_tables_have_labels_and_captions_of_their_own(exp_dir, tmp_path, write_result):
    write_result(exp_dir / "tse_c" / "decode", "system3", scores={"si_sdr": 1.0}, meta={"signature": "two"})
    write_latex(tmp_path / "tables.tex", build_groups(collect_results(exp_dir)))
    lines = (tmp_path / "tables.tex").read_text().splitlines()
    found = {
        kind: [line for line in lines if line.startswith(rf"\{kind}{{")] for kind in ("caption", "label")
    }
    assert len(set(found["caption"])) == len(set(found["label"])) == len(found["label"]) == 5
    assert r"\label{tab:test-p2-B}" in found["label"]
    assert found["caption"][0].startswith(r"\caption{test, protocol 1 of 2: preset offline, A, ")


def test_labels_of_test_sets_whose_names_look_alike_differ(exp_dir, tmp_path, write_result):
    for number, test_set in enumerate(("测试集", "開発", "dev_1", "dev-1")):
        write_result(exp_dir / "tse_c" / str(number), "A", test_set, scores={"si_sdr": 1.0})
    groups = build_groups(collect_results(exp_dir))
    found = dict(zip((tables.group.test_set for tables in groups), labels(groups)))
    assert {found["测试集"], found["開発"]} == {"tab:set", "tab:set-2"}
    assert {found["dev_1"], found["dev-1"]} == {"tab:dev-1", "tab:dev-1-2"} and found["test"] == "tab:test"


def test_special_characters_are_printed_as_they_are():
    assert escape("a_b & 5 % †") == r"a\_b \& 5 \% $^\dagger$"
    assert escape("x\\y\n{z}") == r"x\textbackslash{}y \{z\}"

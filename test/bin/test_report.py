import json
import subprocess
import sys

import pytest

from espnet_tse.bin.report import main


@pytest.fixture
def exp_dir(tmp_path):
    folder = tmp_path / "exp" / "tse_a" / "decode" / "scoring"
    folder.mkdir(parents=True)
    content = {
        "meta": {
            "system": "a",
            "test_set": "test",
            "n": 1,
            "date": "2026-01-02",
            "signature": "s",
            "preset": "offline",
        },
        "metrics": {"si_sdr": {"mean": 3.0, "ci95": None, "n": 1}},
        "wer": {},
    }
    (folder / "result.json").write_text(json.dumps(content))
    return tmp_path / "exp"


def test_writes_both_files(exp_dir, tmp_path):
    output, page = tmp_path / "RESULTS.md", tmp_path / "out" / "report.html"
    assert (
        main(["--exp_dir", str(exp_dir), "--output", str(output), "--html", str(page), "--title", "mine"])
        == 0
    )
    assert "| a | 1 | 3.00 |" in output.read_text()
    assert "<title>mine</title>" in page.read_text()


def test_results_alone_are_enough(exp_dir, tmp_path, capsys):
    decode = exp_dir / "tse_a" / "decode"
    for place in (decode, decode / "scoring", decode / "scoring" / "result.json"):
        output = tmp_path / "R.md"
        output.unlink(missing_ok=True)
        assert main(["--results", str(place), "--output", str(output)]) == 0
        assert "| a | 1 | 3.00 |" in output.read_text()
    assert main(["--results", str(exp_dir), "--output", str(output)]) == 1
    assert "has no result.json, nor has its folder 'scoring'" in capsys.readouterr().err


def test_tables_for_a_paper_and_for_a_spreadsheet(exp_dir, tmp_path):
    latex, table = tmp_path / "tables.tex", tmp_path / "results.csv"
    assert main(["--exp_dir", str(exp_dir), "--latex", str(latex), "--csv", str(table)]) == 0
    assert "a & 1 & $3.00$" in latex.read_text()
    assert "test,offline,s,a,system,si_sdr,3.0,,,1,,,dB," in table.read_text()


def test_published_rows_of_another_protocol_do_not_cost_the_report(exp_dir, tmp_path, caplog):
    papers = tmp_path / "papers.yaml"
    protocol = "{preset: laura, list: l, mode: min, kind: clean, sample_rate: 16000}"
    papers.write_text(f"tables: [{{source: s, protocol: {protocol}, rows: [{{system: b, si_sdr: 1}}]}}]\n")
    arguments = ["--exp_dir", str(exp_dir), "--csv", str(tmp_path / "r.csv"), "--paper_rows", str(papers)]
    assert main(arguments) == 0 and (tmp_path / "r.csv").is_file()
    assert f"{papers}:1: s: preset laura, here not recorded" in caplog.text


def test_data_errors_end_with_one_and_a_reason(exp_dir, tmp_path, capsys):
    (tmp_path / "RESULTS.md").write_text("by hand\n")
    assert main(["--exp_dir", str(exp_dir), "--output", str(tmp_path / "RESULTS.md")]) == 1
    assert "hand-written" in capsys.readouterr().err
    assert main(["--exp_dir", str(tmp_path / "absent"), "--output", str(tmp_path / "R.md")]) == 1
    assert "no such folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--output", "R.md"], "give --exp_dir, --results or both"),
        (["--exp_dir", "exp"], "give --output, --html, --latex or --csv"),
        (["--exp_dir", "exp", "--output", "R.md", "--num_utts", "-1"], "--num_utts must not be negative"),
    ],
)
def test_usage_errors_end_with_two(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("module", ["report", "doctor"])
def test_help_loads_nothing_heavy(module):
    code = (
        f"import sys; from espnet_tse.bin import {module}\n"
        f"try: {module}.main(['--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'soundfile', 'espnet2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

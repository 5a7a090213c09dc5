"""What CI asks of a finished mini recipe."""

import json
import runpy
import zipfile
from pathlib import Path

import pytest

CHECK = runpy.run_path(str(Path(__file__).parents[1] / ".ci" / "check_results.py"))
COLUMNS = ("si_sdr", "pesq", "estoi", "dnsmos_ovrl", "spk_resemblyzer", "conf_rate")


@pytest.fixture
def exp(tmp_path):
    """exp/ of two rows, with all that is asked for."""
    for name in CHECK["SCORED"]:
        folder = tmp_path / name / "scoring"
        folder.mkdir(parents=True)
        counts = {"n": 2, "n_penalized": 0, "n_excluded": 0}
        words = {"dwer_pocketsphinx": counts}
        result = {"meta": {"not_available": {}}, "metrics": dict.fromkeys(COLUMNS, counts), "wer": words}
        (folder / "result.json").write_text(json.dumps(result))
        rows = [{"utt": key, **dict.fromkeys([*COLUMNS, *words], 1.0)} for key in "ab"]
        (folder / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "failed").touch()
    for name in ("RESULTS.md", "report.html"):
        (tmp_path / name).write_text(f"mixture, codec_nano resynthesis, {CHECK['SYSTEM']}")
    with zipfile.ZipFile(tmp_path / f"tse_{CHECK['SYSTEM']}.zip", "w") as archive:
        archive.writestr("config.yaml", "model: laura_tse")
    return tmp_path


def test_a_whole_one_passes(exp, capsys):
    assert CHECK["main"]([str(exp), "2"]) == 0
    assert "3 systems, 2 rows each" in capsys.readouterr().out


FIRST = f"{CHECK['SCORED'][0]}/scoring"
ARCHIVE = f"tse_{CHECK['SYSTEM']}.zip"


@pytest.mark.parametrize(
    "name, old, new, message",
    [
        ("report.html", None, None, "report.html: is not there or lacks 'mixture'"),
        ("RESULTS.md", "mixture", "", "RESULTS.md: is not there or lacks 'mixture'"),
        (ARCHIVE, None, None, f"{ARCHIVE}: is not there or no zip"),
        (f"{FIRST}/result.json", None, None, "scoring: no result.json"),
        (f"{FIRST}/result.json", '"n": 2', '"n": 1', "si_sdr: {'n': 1, 'n_penalized': 0"),
        (f"{FIRST}/result.json", '"pesq"', '"other"', "no column pesq"),
        (f"{FIRST}/result.json", '": {}', '": {"pesq": "no package"}', "pesq is not available: no package"),
        (f"{FIRST}/scores.jsonl", '"b"', '"a"', "scores.jsonl has 2 rows of 1 keys, not 2"),
        (f"{FIRST}/scores.jsonl", "1.0", "null", "a: no si_sdr"),
        (f"{FIRST}/failed", "", "a pesq silent", "failed: a pesq silent"),
    ],
)
def test_faults_are_named(exp, capsys, name, old, new, message):
    path = exp / name
    if old is None:
        path.unlink()
    else:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
    assert CHECK["main"]([str(exp), "2"]) == 1
    assert message in capsys.readouterr().err

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import espnet_tse
from espnet_tse.bin import main
from espnet_tse.scoring.result.source_version import source_commit

BIN = Path(main.__file__).parent
# tse_train has ESPnet's parser, which test/tasks/test_tse.py tests.
MODULES = sorted(path.stem for path in BIN.glob("[a-z]*.py") if path.stem != "tse_train")


def run(monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["espnet-tse", *words])
    return main.main()


@pytest.mark.parametrize(
    "words, fault",
    [(["extrct"], "unknown 'extrct' (did you mean 'extract'?)"), ([], "want a command: extract,")],
)
def test_an_unknown_or_missing_command_is_wrong_usage(monkeypatch, capsys, words, fault):
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, *words)
    assert exit_.value.code == 2 and fault in capsys.readouterr().err


def test_a_codec_upper_bound_has_a_command(monkeypatch, capsys):
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, "resynthesize", "--codec", "exp/codec_mini")
    error = capsys.readouterr().err
    assert exit_.value.code == 2 and error.startswith("espnet-tse resynthesize: error: the following")


def test_version_names_the_commit_of_a_clone_and_loads_nothing_heavy(monkeypatch, capsys):
    assert run(monkeypatch, "--version") == 0
    commit = source_commit()
    assert (
        capsys.readouterr().out
        == f"espnet-tse {espnet_tse.__version__}" + (f" (commit {commit})" if commit else "") + "\n"
    )
    code = "import sys; from espnet_tse.bin.main import version; version(); assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", MODULES)
def test_no_command_takes_abbreviations(module):
    assert importlib.import_module(f"espnet_tse.bin.{module}").get_parser().allow_abbrev is False


def test_every_module_is_asked():
    assert len(MODULES) > 12 and not [
        m for m in MODULES if "def get_parser" not in (BIN / f"{m}.py").read_text() and m != "__init__"
    ]
    assert not [
        path.name for path in BIN.glob("*.py") if re.search(r"argparse\.ArgumentParser\(", path.read_text())
    ]


def test_ctrl_c_ends_in_a_line(monkeypatch, capsys):
    def interrupted(words):
        raise KeyboardInterrupt

    monkeypatch.setattr("espnet_tse.bin.validate.main", interrupted)
    assert run(monkeypatch, "validate", "data/train") == 130
    assert capsys.readouterr().err == "espnet-tse validate: stopped\n"


def test_an_output_that_is_a_folder_is_told_before_anything_is_loaded(monkeypatch, capsys, tmp_path):
    (tmp_path / "d.wav").mkdir()
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, "extract", "a.wav", "b.wav", "-o", str(tmp_path / "d.wav"))
    assert exit_.value.code == 2 and "d.wav: is a folder; name a file in it" in capsys.readouterr().err

import subprocess
import sys

import pytest

from espnet_tse.bin import config_files


@pytest.fixture(autouse=True)
def yamls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/variant.yaml").write_text("base: paper.yaml\nfront_end_dir: null\n")
    (tmp_path / "conf/paper.yaml").write_text("model: toy\nfront_end_dir: exp/tse_front\n")


def test_a_yaml_is_printed_with_its_bases(capsys):
    assert config_files.main(["conf/variant.yaml", "conf/paper.yaml"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "conf/variant.yaml\tconf/variant.yaml",
        "conf/variant.yaml\tconf/paper.yaml",
        "conf/paper.yaml\tconf/paper.yaml",
    ]


@pytest.mark.parametrize("key, lines", [("model", ["toy", "toy"]), ("front_end_dir", ["", "exp/tse_front"]), ("lm", ["", ""])])
def test_the_value_of_a_key_is_the_resolved_one(capsys, key, lines):
    assert config_files.main(["--value", key, "conf/variant.yaml", "conf/paper.yaml"]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_a_missing_base_is_an_error(tmp_path, capsys):
    (tmp_path / "conf/paper.yaml").unlink()
    assert config_files.main(["conf/variant.yaml"]) == 1
    assert "config_files: error: conf/variant.yaml: base: paper.yaml: no such file" in capsys.readouterr().err


def test_nothing_heavy_is_loaded():
    code = "import sys; from espnet_tse.bin.config_files import main; main(['conf/variant.yaml']); "
    code += "assert not {'torch', 'numpy', 'espnet2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

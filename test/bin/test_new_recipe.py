"""The command makes the recipe that setup.sh makes, and says so where there is no clone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_tse.bin.new_recipe import get_parser, main, setup_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path):
    shutil.copytree(ROOT / "egs2/TEMPLATE", tmp_path / "egs2/TEMPLATE", symlinks=True)
    shutil.copytree(ROOT / "utils", tmp_path / "utils")
    return tmp_path


def test_makes_a_recipe(clone):
    recipe = clone / "egs2/toy/tse1"
    assert main([str(recipe), "--clone", str(clone), "--sets", "tr cv tt"]) == 0
    assert '--train_set "tr"' in (recipe / "run.sh").read_text()
    assert (recipe / "tse.sh").resolve() == clone / "egs2/TEMPLATE/tse1/tse.sh"


def test_passes_the_exit_code_of_setup_on(clone, tmp_path):
    assert main([str(tmp_path / "elsewhere/tse1"), "--clone", str(clone)]) == 1
    assert main([str(clone / "egs2/toy/tse1"), "--clone", str(clone), "--sets", "one"]) == 2


def test_without_a_clone_it_says_what_to_do(tmp_path, capsys):
    assert main([str(tmp_path / "egs2/toy/tse1"), "--clone", str(tmp_path)]) == 1
    assert "recipes live in a clone of the project" in capsys.readouterr().err


def test_every_option_of_setup_is_passed_on():
    args = get_parser().parse_args(["d", "--corpus", "c", "--db", "D", "--sets", "a b c", "--force", "--copy"])
    assert setup_command(args)[1:] == ["--corpus", "c", "--db", "D", "--sets", "a b c", "--force", "--copy", "d"]


def test_help_imports_no_torch():
    code = "import sys, espnet_tse.bin.new_recipe as m; m.get_parser().format_help(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

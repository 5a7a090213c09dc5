import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_tse.bin.score import get_parser, main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scp(tmp_path):
    rng = np.random.default_rng(0)
    lines = []
    for key in ("a", "b"):
        soundfile.write(tmp_path / f"{key}.wav", 0.1 * rng.standard_normal(8000), 16000, subtype="FLOAT")
        lines.append(f"{key} {tmp_path / key}.wav\n")
    (tmp_path / "wav.scp").write_text("".join(lines))
    return tmp_path / "wav.scp"


def test_help_imports_no_torch():
    code = (
        "import sys; from espnet_tse.bin.score import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    )
    code += "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--inf_scp" in done.stdout


def test_scores_and_ends_with_zero(scp, tmp_path):
    out = tmp_path / "out"
    command = [
        "--inf_scp",
        scp,
        "--ref_scp",
        scp,
        "--output_dir",
        out,
        "--metrics",
        "si_sdr",
        "--system",
        "me",
    ]
    assert main([str(x) for x in command]) == 0
    result = json.loads((out / "result.json").read_text())
    assert result["meta"]["system"] == "me" and result["metrics"]["si_sdr"]["mean"] == 100.0


def test_the_default_name_is_the_folder_that_says_something(scp, tmp_path):
    (tmp_path / "theirs" / "wavs").mkdir(parents=True)
    for key in "ab":
        (tmp_path / f"{key}.wav").rename(tmp_path / "theirs" / "wavs" / f"{key}.wav")
    names = []
    for folder in ("theirs/wavs", "theirs"):
        options = ["--inf_dir", folder, "--output_dir", "out", "--metrics", "est_dbfs"]
        pattern = ["--inf_pattern", "wavs/{utt}.wav"] * (folder == "theirs")
        paths = [str(tmp_path / word) if word in (folder, "out") else word for word in options]
        assert main([*paths, *pattern]) == 0
        names.append(json.loads((tmp_path / "out" / "result.json").read_text())["meta"]["system"])
    assert names == ["theirs", "theirs"]


def test_data_errors_end_with_one_before_anything_is_written(scp, tmp_path, capsys):
    (tmp_path / "ref.scp").write_text(scp.read_text() + "c c.wav\n")
    command = ["--inf_scp", scp, "--ref_scp", tmp_path / "ref.scp", "--output_dir", tmp_path / "out"]
    assert main([str(x) for x in command]) == 1
    assert "lacks 1 of 3 keys" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_dry_run_scores_nothing(scp, tmp_path, capsys):
    command = ["--inf_scp", scp, "--ref_scp", scp, "--output_dir", tmp_path / "out", "--dry_run"]
    assert main([str(x) for x in command]) == 0
    assert "2 utterances" in capsys.readouterr().out and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "command", [[], ["--inf_scp", "a"], ["--inf_scp", "a", "--output_dir", "b", "--resume", "no"]]
)
def test_usage_errors_end_with_two(command):
    with pytest.raises(SystemExit) as error:
        main(command)
    assert error.value.code == 2


@pytest.mark.parametrize(
    "command, message",
    [
        ([], "give the estimates (--inf_scp or --inf_dir) and --output_dir"),
        (["--inf_scp", "a"], "give --output_dir"),
        (["--inf_scp", "a", "--inf_dir", "b", "--output_dir", "c"], "one of the two"),
        (["--compare", "a"], "two or more"),
    ],
)
def test_usage_errors_say_what_lacks(command, message, capsys):
    with pytest.raises(SystemExit):
        main(command)
    assert message in capsys.readouterr().err


def test_a_comparison_is_printed_and_written_where_a_folder_is_given(scp, tmp_path, capsys):
    folders = []
    for name in ("A", "B"):
        folders.append(str(tmp_path / name))
        options = ["--ref_scp", str(scp), "--output_dir", folders[-1], "--metrics", "si_sdr", "--system", name]
        assert main(["--inf_scp", str(scp), *options]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].startswith("A on ") and table[0].endswith(", 2 utterances")
    assert table[2].split() == ["si_sdr", "↑", "100.0000", "100.0000", "to", "100.0000", "2", "0", "0"]
    before = set(tmp_path.iterdir())
    assert main(["--compare", *folders]) == 0
    printed = capsys.readouterr().out
    assert "| metric | scored | A | B |" in printed and set(tmp_path.iterdir()) == before
    assert main(["--compare", *folders, "--output_dir", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == printed == (tmp_path / "out" / "compare.md").read_text()


def test_lists_need_no_other_option(capsys):
    for form in ([], ["markdown"]):
        with pytest.raises(SystemExit) as error:
            main(["--list_metrics", *form])
        assert error.value.code == 0
        assert "si_sdr" in capsys.readouterr().out


def test_interferers_add_up():
    args = get_parser().parse_args("--inf_scp a --output_dir b --intf_scp c d --intf_scp e".split())
    assert [str(path) for path in args.intf_scp] == ["c", "d", "e"]

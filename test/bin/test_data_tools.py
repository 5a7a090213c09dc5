"""Command lines of the data tools: exit codes, output, and a start without torch."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

from espnet_tse.bin import filter_length, format_data, validate
from espnet_tse.io.scp import read_scp, write_scp


@pytest.fixture
def source_dir(tmp_path):
    """Two speakers with two utterances of one second."""
    directory, rng = tmp_path / "data" / "train", np.random.default_rng(0)
    directory.mkdir(parents=True)
    utt2spk = {f"{speaker}-{i}": speaker for speaker in "ab" for i in range(2)}
    for key in utt2spk:
        soundfile.write(tmp_path / f"{key}.wav", rng.normal(0, 0.1, 8000), 8000)
    write_scp(directory / "wav.scp", {key: tmp_path / f"{key}.wav" for key in utt2spk})
    write_scp(directory / "utt2spk", utt2spk)
    write_scp(directory / "spk2utt", {speaker: f"{speaker}-0 {speaker}-1" for speaker in "ab"})
    (directory / "mixing.yaml").write_text("num_speakers: {2: 1.0}\n")
    return directory


def test_the_stages_one_after_another(source_dir, tmp_path, capsys):
    dump = tmp_path / "dump"
    common = ["--data_dir", str(source_dir), "--output_dir", str(dump), "--sample_rate", "16000"]
    for step in (["--shard", "1/2"], ["--shard", "2/2"], ["--merge", "2"]):
        assert format_data.main([*common, *step]) == 0
    assert set(read_scp(dump / "utt2num_samples").values()) == {"16000"}
    assert validate.main([str(dump), "--sample_rate", "16000", "--train", str(dump)]) == 0
    assert "VALID" in capsys.readouterr().out
    assert filter_length.main(["--data_dir", str(dump), "--min_duration_s", "0.5"]) == 0
    assert "4 kept, 0 too short" in capsys.readouterr().out


def test_data_errors_end_with_1(source_dir, tmp_path, capsys):
    write_scp(source_dir / "wav.scp", {**read_scp(source_dir / "wav.scp"), "a-0": "gone.wav"})
    assert validate.main([str(source_dir)]) == 1
    assert "a-0: wav.scp: a-0: 'gone.wav': no such file; relative paths start at" in capsys.readouterr().out
    assert format_data.main(["--data_dir", str(source_dir), "--output_dir", str(tmp_path / "d")]) == 1
    assert f"{source_dir / 'wav.scp'}: a-0: 'gone.wav': no such file" in capsys.readouterr().err
    assert filter_length.main(["--data_dir", str(source_dir)]) == 1
    assert "utt2num_samples" in capsys.readouterr().err


@pytest.mark.parametrize(
    "program, arguments, message",
    [
        (validate, ["/nowhere"], "no such directory"),
        (validate, ["{d}", "--codes", "{d}", "--codes", "{d}"], "--codes is given 2 times for 1 directories"),
        (validate, ["{d}", "--codec", "{d}"], "--codec wants --codes"),
        (format_data, ["--data_dir", "/nowhere", "--output_dir", "x"], "is no directory"),
        (format_data, ["--data_dir", "{d}", "--output_dir", "{d}"], "--output_dir must not be --data_dir"),
        (
            format_data,
            ["--data_dir", "{d}", "--output_dir", "x", "--shard", "3/2"],
            "want J/N with 1 <= J <= N",
        ),
        (
            format_data,
            ["--data_dir", "{d}", "--output_dir", "x", "--merge", "0"],
            "--merge must be at least 1",
        ),
        (
            format_data,
            ["--data_dir", "{d}", "--output_dir", "x", "--speed_perturb_factors", "9"],
            "factors lie in",
        ),
        (
            format_data,
            ["--data_dir", "{d}", "--output_dir", "x", "--speed_perturb_factors", "a"],
            "not a list of",
        ),
        (filter_length, ["--data_dir", "/nowhere"], "is no directory"),
        (
            filter_length,
            ["--data_dir", "{d}", "--min_duration_s", "9", "--max_duration_s", "3"],
            "wants 0 <=",
        ),
    ],
)
def test_wrong_usage_ends_with_2(source_dir, capsys, program, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        program.main([a.format(d=source_dir) for a in arguments])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_help_starts_without_torch():
    names = ["filter_length", "format_data", "validate"]
    code = (
        "import importlib, sys\n"
        f"for name in {names}:\n"
        "    try:\n"
        "        importlib.import_module('espnet_tse.bin.' + name).main(['--help'])\n"
        "    except SystemExit as stopped:\n"
        "        assert stopped.code == 0\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage:") == len(names)

"""real_tse and the sets in noise on stand-in data, by their own scripts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from real_tse_stand_in import write_librispeech, write_noises, write_recordings
from system_files import leave_system_files

from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.data.validation import validate_dir
from espnet_tse.io.activity_list import read_activity
from espnet_tse.io.scp import read_scp, read_text

ROOT = Path(__file__).resolve().parents[2]
CORPORA = ("LIBRISPEECH", "REAL_TSE", "MUSAN", "DEMAND")
SIZES = "--subsets train-clean-100 --dev_mixtures 6 --dev_crop_s 1.5 --published_counts false".split()


@pytest.fixture
def recipe(tmp_path):
    """The recipe with what it links to, and its data below."""
    for name in ("utils", "egs2/TEMPLATE", "egs2/real_tse"):
        ignored = shutil.ignore_patterns("data", "dump", "exp", "downloads", "__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=ignored)
    return tmp_path / "egs2/real_tse/tse1"


@pytest.fixture
def places(tmp_path):
    corpora = tmp_path / "with space"
    written = {
        "REAL_TSE": write_recordings(corpora / "real"),
        "LIBRISPEECH": write_librispeech(corpora / "LibriSpeech", ("train-clean-100", "dev-clean")),
        **write_noises(corpora),
    }
    leave_system_files(corpora)
    return written


def run(recipe, command, *words, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in CORPORA}
    environment |= {name: str(value) for name, value in variables.items()}
    environment |= {"PYTHONPATH": str(ROOT), "python": sys.executable, "OMP_NUM_THREADS": "1"}
    return subprocess.run([command, *words], cwd=recipe, env=environment, capture_output=True, text=True)


def test_stage_1_and_a_set_in_noise(recipe, places, monkeypatch):
    ended = run(recipe, "local/data.sh", *SIZES, **places)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    monkeypatch.chdir(recipe)
    data = Path("data")
    assert not (data / "real/spk1.scp").exists()
    assert read_activity(data / "real/utt2activity")["call-2"] is None
    assert read_text(data / "real/text_spk1")["call-4"] == ""
    assert read_scp(data / "real/utt2spk") == {f"call-{n}": "anna" if n < 3 else "ben" for n in (1, 2, 3, 4)}
    conf = read_mixing_conf(data / "train/mixing.yaml")
    assert conf.target_absent == 0.38 and conf.has_pauses and conf.noise_scp == "data/musan.scp"
    for name in ("train", "dev"):
        report = validate_dir(data / name, train_dir=None if name == "train" else data / "train")
        assert not any(
            check.offenders for check in report.checks if check.severity == "error"
        ), report.render()
    words = ["--set", "dev", "--corpora", "demand", "--snrs_db", "-5"]
    ended = run(recipe, "scripts/noisy_sets.sh", *words, **places)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '--test_sets "dev dev_demand_minus5db"' in ended.stdout
    assert len(read_scp(data / "dev_demand_minus5db/noise1.scp")) == 6
    for ratios in ("0 loud", "0,5", "nan"):  # told before the first set
        ended = run(recipe, "scripts/noisy_sets.sh", *words[:-1], ratios, **places)
        assert ended.returncode == 2 and "--snrs_db takes ratios in dB" in ended.stderr
    assert not (data / "dev_demand_0db").exists()


@pytest.mark.parametrize(
    "change, code, message",
    [
        ({"REAL_TSE": ""}, 3, "REAL_TSE='' is not a folder"),
        ({"LIBRISPEECH": "downloads"}, 3, "LIBRISPEECH='downloads' is not a folder"),
        ({"MUSAN": "/nowhere"}, 3, "MUSAN='/nowhere' is not a folder"),
    ],
)
def test_missing_corpora_end_with_3_and_leave_nothing(recipe, places, change, code, message):
    ended = run(recipe, "local/data.sh", *SIZES, **(places | change))
    assert ended.returncode == code and message in ended.stderr
    assert not (recipe / "data").exists()


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("utt2enroll", "call-1 anna\n", "no recording 'call-2' for mixture 'call-2' (3 of 4 have none)"),
        ("utt2activity", "", "utt2activity: is empty; write its lines (README.md), or remove it"),
        ("text", "call-5 hello\n", "1 of its keys are no recordings of"),
        ("text", "call-1 hello\n", "2 of 4 recordings have no words, first 'call-2'"),
        ("text", "call-4 hello\n", "'call-4' has words in text, but its line of utt2activity is none"),
        ("utt2activity", "call-1 0:1\n", "key 'call-1': '0:1' is no span of time"),
        ("mixture/call-1.wav", "", "both call-1.flac and call-1.wav"),
        ("mixture/call 5.wav", "", "names are keys of lists, which have no blanks"),
    ],
)
def test_faults_of_the_recordings(places, tmp_path, name, text, message):
    (places["REAL_TSE"] / name).write_text(text)
    program = ROOT / "egs2/real_tse/tse1/local/prepare_recordings.py"
    words = [program, "--folder", places["REAL_TSE"], "--output_dir", "data/real"]
    ended = run(tmp_path, sys.executable, *map(str, words))
    assert ended.returncode == 1 and message in ended.stderr
    assert not list((tmp_path / "data").glob("*"))

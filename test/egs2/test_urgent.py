"""urgent on stand-in data, by its own local/data.sh."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from real_tse_stand_in import write_restoration
from system_files import leave_system_files

from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.data.validation import validate_dir
from espnet_tse.io.scp import read_scp

ROOT = Path(__file__).resolve().parents[2]
SIZES = "--dev_speakers 2 --dev_mixtures 4 --dev_crop_s 1".split()


@pytest.fixture
def recipe(tmp_path):
    for name in ("utils", "egs2/TEMPLATE", "egs2/urgent"):
        ignored = shutil.ignore_patterns("data", "dump", "exp", "downloads", "__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=ignored)
    return tmp_path / "egs2/urgent/sr1"


def run(recipe, folder, *words):
    environment = {name: value for name, value in os.environ.items() if name != "URGENT"}
    environment |= {"URGENT": str(folder), "PYTHONPATH": str(ROOT), "python": sys.executable}
    command = ["local/data.sh", *SIZES, *words]
    return subprocess.run(command, cwd=recipe, env=environment, capture_output=True, text=True)


def test_stage_1(recipe, tmp_path, monkeypatch):
    folder = write_restoration(tmp_path / "with space")
    leave_system_files(folder)
    # A speaker, and a recording of one, may lie elsewhere.
    (folder / "clean/reader_0").rename(tmp_path / "elsewhere")
    (folder / "clean/reader_0").symlink_to(tmp_path / "elsewhere")
    (folder / "clean/reader_1/part 0.wav").rename(tmp_path / "part.wav")
    (folder / "clean/reader_1/part 0.wav").symlink_to(tmp_path / "part.wav")
    ended = run(recipe, folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    monkeypatch.chdir(recipe)
    data = Path("data")
    assert len(set(read_scp(data / "train/utt2spk").values())) == 3
    conf = read_mixing_conf(data / "train/mixing.yaml")
    assert (conf.noise_scp, conf.rir_scp) == ("data/noise_16k/wav.scp", "data/rir_16k/wav.scp")
    for name in ("train", "dev", "test"):
        # Recordings of one talker each need no enrollment.
        report = validate_dir(data / name, train_dir=None if name == "train" else data / "train")
        assert not any(
            check.offenders for check in report.checks if check.severity == "error"
        ), report.render()
    assert len(read_scp(data / "dev/enroll_spk1.scp")) == 4 and not (data / "test/enroll_spk1.scp").exists()
    # Rooms that are taken away are not used any more.
    shutil.rmtree(folder / "rir")
    ended = run(recipe, folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert read_mixing_conf(data / "train/mixing.yaml").rir_scp is None
    assert not [*data.glob("rir*")]


@pytest.mark.parametrize(
    "change, code, message",
    [
        (lambda folder: shutil.rmtree(folder), 3, "is not a folder; it names the one that holds clean/"),
        (lambda folder: shutil.rmtree(folder / "noise"), 4, "noise: no recordings"),
        (lambda folder: shutil.rmtree(folder / "clean/reader_1"), 4, "4 speakers with two utterances"),
        (lambda folder: (folder / "test/clean/fileid_1.wav").unlink(), 4, "first 'fileid_1'; remove clean/"),
        (
            lambda folder: (folder / "clean/reader_1/part 0.wav").rename(folder / "clean/part.wav"),
            4,
            "whose speech is it? put it in a folder of its speaker",
        ),
        (
            lambda folder: (folder / "clean/utt2spk").touch(),
            4,
            "is empty; write its lines 'name-of-file speaker'",
        ),
    ],
)
def test_faults_leave_nothing(recipe, tmp_path, change, code, message):
    folder = write_restoration(tmp_path / "corpus")
    change(folder)
    more = ("--dev_speakers", "3") if "4 speakers" in message else ()
    ended = run(recipe, folder, *more)
    assert ended.returncode == code and message in ended.stderr, ended.stderr
    assert not list((recipe / "data").glob("*/wav.scp"))


def test_the_corpus_itself_is_not_replaced(recipe, tmp_path):
    folder = write_restoration(tmp_path / "corpus")
    before = sorted(folder.rglob("*"))
    command = [
        sys.executable,
        "local/prepare_restoration.py",
        "--folder",
        str(folder),
        "--output_dir",
        str(folder),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [*command, "--dev_speakers", "2"], cwd=recipe, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 1 and "what is read" in ended.stderr, ended.stderr
    assert sorted(folder.rglob("*")) == before

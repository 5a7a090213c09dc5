"""Systems and command lines of the first release, which knew one codec and one front-end."""

import shutil
import zipfile

import numpy as np
import pytest
import yaml
from nano_training import options
from tse_system import write_system

from espnet_tse import Extractor
from espnet_tse.tasks.older_systems import moved_options
from espnet_tse.tasks.tse import TSETask


def noise(seed):
    return np.random.default_rng(seed).standard_normal(8000).astype(np.float32) * 0.1


def estimate(place):
    return Extractor.from_pretrained(place)(noise(1), noise(2), 16000)


@pytest.fixture
def folders(tmp_path):
    """A system as it is written now, and the same one as the first release wrote it."""
    now = write_system(tmp_path / "now")
    then = tmp_path / "then" / "exp" / "tse_nano"
    shutil.copytree(now, then)
    shutil.move(then / "tokenizers_of_training" / "acoustic", then / "codec_of_training")
    (then / "tokenizers_of_training").rmdir()
    shutil.move(then / "tokenizers" / "acoustic", then.parent / "codec_nano")
    (then / "tokenizers").rmdir()
    config = yaml.safe_load((then / "config.yaml").read_text())
    del config["tokenizers"]
    config |= {
        "codec_dir": "exp/codec_nano",
        "train_codes": "dump/codes/train",
        "valid_codes": None,
        "front_end_dir": None,
    }
    (then / "config.yaml").write_text(yaml.safe_dump(config))
    return now, then


def test_a_folder_of_the_first_release_extracts_the_same(folders):
    now, then = folders
    np.testing.assert_array_equal(estimate(now), estimate(then))


def test_an_archive_of_the_first_release_extracts_the_same(folders, tmp_path):
    now, then = folders
    archive = tmp_path / "tse.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in then.rglob("*"):
            if path.is_file():
                file.write(path, path.relative_to(then))
        for path in (then.parent / "codec_nano").iterdir():
            file.write(path, f"codec/{path.name}")
    np.testing.assert_array_equal(estimate(now), estimate(archive))


def test_earlier_options_are_short_forms(recipe, tmp_path, capsys):
    words = [
        word
        for word in options(recipe, tmp_path / "exp")
        if "tokens" not in word and "tokenizers" not in word
    ]
    words += ["--codec_dir", "exp/c", "--train_codes", "codes/t", "--valid_codes", "codes/v"]
    args = TSETask.parse(words)
    assert args.tokenizers == {"acoustic": "exp/c"} and args.train_tokens == {"acoustic": "codes/t"}
    assert args.valid_tokens == {"acoustic": "codes/v"} and not hasattr(args, "codec_dir")
    assert "--codec_dir X is short for --tokenizers acoustic=X" in capsys.readouterr().err


def test_names_of_today_are_left_alone():
    config = {"tokenizers": {"semantic": "exp/u"}, "codec_dir": "exp/c", "front_end_dir": None}
    assert moved_options(config) == ["codec_dir"]
    assert config == {"tokenizers": {"semantic": "exp/u", "acoustic": "exp/c"}}

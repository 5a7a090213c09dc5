"""Checkpoints, archives and results that are not what they should be; nothing in them is executed."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml


class Malicious:
    """Creates ``executed`` when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


SYSTEM, CODEC = "exp/tse_nano/valid.loss.ave.pth", "exp/codec/model.pth"
CONTENTS = {
    "a list": [1, 2, 3],
    "tensors of something else": {"a": torch.zeros(2)},
    "malicious": {"a": Malicious()},
}
READ_BY = [
    ("extract", SYSTEM, "copy both from one training, or give another --checkpoint"),
    ("extract_one", "exp/tse_nano/tokenizers/acoustic/model.pth", "train or import it again"),
    ("pack", SYSTEM, "copy both from one training, or give another --checkpoint"),
    ("tokenize", CODEC, "train or import it again"),
    ("train", CODEC, "train or import it again"),
    ("train", "exp/new/checkpoint.pth", "remove it to train from the start"),
    ("codec", "exp/new/checkpoint.pth", "remove it to train from the start"),
]


def options_for(path: str) -> str:
    """Go on in the folder of the checkpoint."""
    return "--output_dir exp/new" if path.startswith("exp/new") else ""


@pytest.mark.parametrize("content", CONTENTS, ids=lambda name: name.replace(" ", "_"))
@pytest.mark.parametrize("command, path, fix", READ_BY)
def test_pickles_that_are_no_state_dicts(recipe, command, path, fix, content):
    Path(path).parent.mkdir(exist_ok=True)
    torch.save(CONTENTS[content], path)
    recipe.refuses(command, path, fix, options=options_for(path))
    assert not Path("executed").exists()


@pytest.mark.parametrize("command, path, fix", READ_BY)
def test_checkpoints_that_were_cut(recipe, command, path, fix):
    Path(path).parent.mkdir(exist_ok=True)
    torch.save({"model": {}}, path)
    Path(path).write_bytes(Path(path).read_bytes()[:-200])
    recipe.refuses(command, path, fix, options=options_for(path))


@pytest.mark.parametrize(
    "command, path",
    [("validate_codes", "codes/test/acoustic/m1.npy"), ("train", "codes/test/acoustic/m1.npy")],
)
def test_pickles_in_codes_are_not_opened(recipe, command, path):
    np.save(path, np.array([Malicious()], dtype=object), allow_pickle=True)
    recipe.refuses(command, "m1", path, "stage 5")
    assert not Path("executed").exists()


def test_pickles_in_archives_of_audio_are_not_opened(recipe):
    Path("audio/evil.ark").write_bytes(b"PKL" + b"cposix\nmkdir\n(S'executed'\ntR.")
    recipe.set_line("data/test/spk1.scp", "m1", "audio/evil.ark:0")
    recipe.refuses("format", "m1", "audio/evil.ark:0", "but a pickle", "write the scp again together with its ark")
    assert not Path("executed").exists()


def test_the_configuration_of_another_model(recipe):
    recipe.edit("exp/tse_nano/config.yaml", "num_layers: 2", "num_layers: 3")
    for command in ("extract", "pack"):
        recipe.refuses(
            command, SYSTEM, "does not fit exp/tse_nano/config.yaml", "copy both from one training"
        )


def test_training_on_with_another_configuration_loses_nothing(recipe):
    """ESPnet would write the new config.yaml beside the old weights, which then open no more."""
    weights = torch.load(SYSTEM, weights_only=True)
    torch.save({"model": weights}, "exp/tse_nano/checkpoint.pth")
    shutil.copytree("exp/tse_nano/tokenizers_of_training", "exp/tse/tokenizers_of_training")
    conf = yaml.safe_load(Path("conf/tse.yaml").read_text())
    conf["lm_conf"]["num_layers"] = 3
    Path("conf/tse.yaml").write_text(yaml.safe_dump(conf))
    options = "--codec_dir exp/tse_nano/tokenizers/acoustic --output_dir exp/tse_nano"
    message = "belongs to another model than the configuration"
    recipe.refuses("train", "exp/tse_nano/checkpoint.pth", message, "another --output_dir", options=options)
    assert recipe.run("extract_one")[0] == 0


# --- Archives -----------------------------------------------------------------------------------------


@pytest.fixture
def archive(recipe) -> Path:
    assert recipe.run("pack", "--output tse.zip")[0] == 0
    return Path("tse.zip")


def test_a_packed_system_opens(recipe, archive):
    assert recipe.run("extract_zip")[0] == 0


def test_archives_that_were_cut(recipe, archive):
    archive.write_bytes(archive.read_bytes()[:-100])
    recipe.refuses("extract_zip", "tse.zip: is cut short", "fetch it again, or pack the model again")


def test_archives_with_damaged_members(recipe, archive):
    content = bytearray(archive.read_bytes())
    info = zipfile.ZipFile(archive).getinfo("valid.loss.ave.pth")
    content[info.header_offset + 2000 : info.header_offset + 2100] = bytes(100)
    archive.write_bytes(content)
    recipe.refuses("extract_zip", "tse.zip", "cannot be unpacked", "fetch it again, or pack the model again")


def test_archives_without_a_part(recipe, archive):
    members = {
        info.filename: zipfile.ZipFile(archive).read(info) for info in zipfile.ZipFile(archive).infolist()
    }
    del members["tokenizers/acoustic/manifest.json"]
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    recipe.refuses(
        "extract_zip",
        "its tokenizer 'acoustic' is in none of",
        "give its folder (--tokenizers acoustic=FOLDER)",
    )


def test_packing_an_exchanged_codec(recipe):
    shutil.rmtree("exp/tse_nano/tokenizers/acoustic")
    shutil.copytree("exp/other_codec", "exp/tse_nano/tokenizers/acoustic")
    recipe.refuses(
        "pack", "codec mismatch", "exp/tse_nano/tokenizers/acoustic", "give the codec they were encoded with"
    )


def test_packing_what_is_not_there(recipe):
    recipe.refuses("pack", "notes.md", "fix the paths", options="--extra notes.md")


# --- Results ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ['{"meta": {"system"', '{"meta": {}, "metrics": {"a": {"mean": NaN}}}', "[]", '{"meta": {}}', ""],
)
def test_results_that_are_not_whole(recipe, content):
    Path("exp/a/scoring/result.json").write_text(content)
    recipe.refuses("report", "exp/a/scoring/result.json", "score this folder again")


def test_scores_that_are_not_whole(recipe):
    Path("exp/a/scoring/scores.jsonl").write_text('{"utt": "m0"}\n{"utt": "m')
    recipe.refuses("report", "scores.jsonl:2", "score this folder again", options="--html out/report.html")


def test_nothing_to_report(recipe):
    shutil.rmtree("exp/a")
    recipe.refuses("report", "exp: no scoring/result.json below it; run the score stage first")

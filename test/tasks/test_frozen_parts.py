"""What a model keeps frozen is the same as long as it is trained and used; another one is refused."""

import json
import shutil

import pytest
import torch
import yaml
from nano_extractors import SYSTEMS
from nano_training import TRAINING
from tse_system import write_model

from espnet_tse.bin import tse_train
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.build import build_model
from espnet_tse.tasks.checkpoint import load_model
from espnet_tse.tasks.frozen_parts import (
    KEPT_PARTS,
    check_frozen_names,
    check_frozen_parts,
    frozen_parts,
    remember_frozen_parts,
)
from espnet_tse.tasks.packing import pack

EXTRACTOR_CONF, (SPEAKER, SPEAKER_CONF) = SYSTEMS["td_speakerbeam"]
FRONT = {
    "model": "discriminative",
    "model_conf": {},
    "extractor": "td_speakerbeam",
    "extractor_conf": EXTRACTOR_CONF,
    "speaker_encoder": SPEAKER,
    "speaker_encoder_conf": SPEAKER_CONF,
    "tokenizers": {},
}
SIZES = {
    "width": 8,
    "multipliers": [1],
    "num_blocks": 1,
    "attention_level": None,
    "n_fft": 64,
    "hop_length": 32,
}
CORRECTOR = {"model": "corrector", "corrector": "spectral_corrector", "corrector_conf": SIZES}


def train(recipe, folder, system) -> int | None:
    """One update of a corrector behind a system."""
    conf = {**TRAINING, **CORRECTOR, "pretrained": {"system": str(system)}}
    path = folder.parent / f"{folder.name}.yaml"
    path.write_text(yaml.safe_dump({**conf, "num_iters_per_epoch": 1, "batch_size": 1, "max_epoch": 1}))
    sets = [f"--{name}_data_dir={recipe / name}" for name in ("train", "valid")]
    return tse_train.main([f"--config={path}", *sets, f"--output_dir={folder}", "--ngpu=0"])


def write_front(folder, seed: int):
    folder.mkdir(parents=True)
    write_model(folder, FRONT, seed)
    return folder


def test_a_corrector_stays_behind_the_system_that_it_began_with(recipe, tmp_path, capsys):
    fronts = [
        write_front(tmp_path / "exp" / f"tse_{name}", seed) for seed, name in enumerate(("front", "other"))
    ]
    folder = tmp_path / "exp" / "tse_corrector"
    assert train(recipe, folder, fronts[0]) in (0, None)
    config = (folder / "config.yaml").read_bytes()
    assert train(recipe, folder, fronts[1]) == 1
    message = capsys.readouterr().err
    assert "tse_corrector: was trained with another frozen system (sha256 " in message
    assert "name it by --pretrained, or train in another --output_dir" in message
    assert (folder / "config.yaml").read_bytes() == config
    # The same one goes on, wherever it is, and opens.
    moved = shutil.copytree(fronts[0], tmp_path / "exp" / "tse_moved")
    assert train(recipe, folder, moved) in (0, None)
    pack(folder, tmp_path / "corrector.zip")
    load_model(tmp_path / "corrector.zip")
    # Trained again, it is another one.
    shutil.rmtree(moved)
    write_front(moved, seed=7)
    with pytest.raises(DataError, match="another frozen system .*put that one back or train anew"):
        load_model(folder)
    load_model(tmp_path / "corrector.zip")


def with_frozen_extractor(seed: int):
    torch.manual_seed(0)
    model = build_model(FRONT)
    torch.manual_seed(seed)
    model.keep_frozen("extractor", build_model(FRONT).extractor.state_dict())
    return model


def test_frozen_copies_of_parts(tmp_path):
    model = with_frozen_extractor(1)
    check_frozen_parts(model, tmp_path, "fix")  # of an earlier version nothing is known
    remember_frozen_parts(model, tmp_path)
    assert json.loads((tmp_path / KEPT_PARTS).read_text()) == frozen_parts(model)
    check_frozen_parts(with_frozen_extractor(1), tmp_path, "fix")
    check_frozen_parts(build_model(FRONT), tmp_path, "fix")  # extraction does without
    with pytest.raises(DataError, match="another frozen extractor .*; fix"):
        check_frozen_parts(with_frozen_extractor(2), tmp_path, "fix")
    (tmp_path / KEPT_PARTS).write_text("[]")
    with pytest.raises(DataError, match=f"{KEPT_PARTS}: cannot be read"):
        check_frozen_parts(model, tmp_path, "fix")
    remember_frozen_parts(build_model(FRONT), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_names_that_would_freeze_nothing_are_refused():
    model = build_model(FRONT)
    check_frozen_names(["extractor", "extractor.bottleneck.bias"], model)
    with pytest.raises(DataError, match=r"--freeze_param extractr: .*did you mean extractor\?"):
        check_frozen_names(["extractor", "extractr"], model)
    with pytest.raises(
        DataError, match="--freeze_param extractor.bottle: .*did you mean extractor.bottleneck"
    ):
        check_frozen_names(["extractor.bottle"], model)

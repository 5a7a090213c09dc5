"""Trainings with a discriminative front-end through the command lines: start, rates, resume, packing, cascade."""

import zipfile

import numpy as np
import pytest
import torch
import yaml
from nano_training import TRAINING, options, weights

from espnet_tse.bin import tse_train
from espnet_tse.tasks.extractor import Extractor
from espnet_tse.tasks.packing import pack
from espnet_tse.train.checkpoint import read_checkpoint

SIZES = {
    "n_fft": 128,
    "hop_length": 64,
    "width": 4,
    "hidden": 4,
    "num_heads": 2,
    "approx_qk_dim": 64,
    "num_blocks": 1,
}
FRONT = {"extractor": "usef_tfgridnet", "extractor_conf": SIZES}
SCHEDULES = {
    "warmup_plateau": {"warmup_steps": 3, "decay_epoch": 1, "patience": 1},
    "onecyclelr": {"max_lr": 2.0e-3, "total_steps": 6},
}


def front_end_options(recipe, folder, **conf):
    path = folder.parent / f"{folder.name}.yaml"
    path.write_text(yaml.safe_dump({**FRONT, "model": "discriminative", **TRAINING, **conf}))
    sets = [f"--{name}_data_dir={recipe / name}" for name in ("train", "valid")]
    return [f"--config={path}", *sets, f"--output_dir={folder}", "--ngpu=0", "--max_epoch=1"]


@pytest.fixture(scope="module")
def front_end(recipe, tmp_path_factory):
    """The folder of a trained front-end."""
    folder = tmp_path_factory.mktemp("exp") / "tse_front"
    assert tse_train.main(front_end_options(recipe, folder)) in (0, None)
    return folder


def joint(recipe, folder, front_end, model_conf=None, **training):
    model_conf = {"si_sdr_weight": 0.1} if model_conf is None else model_conf
    conf = {**FRONT, "model": "usef_laura_tse", "model_conf": model_conf}
    if front_end is not None:
        conf["pretrained"] = {"front_end": str(front_end)}
    return options(recipe, folder, conf, **training)


def of_front_end(state):
    return {name: value for name, value in state.items() if name.startswith("extractor.")}


def noise(seed):
    return np.random.default_rng(seed).standard_normal(4000).astype(np.float32) * 0.1


def estimate(place, **conf):
    return Extractor.from_pretrained(place, conf)(noise(1), noise(2), 16000)


@pytest.mark.parametrize("scheduler", SCHEDULES)
def test_resumed_training_with_two_rates_equals_uninterrupted_training(
    recipe, front_end, tmp_path, scheduler
):
    conf = {"front_end_lr": 1.0e-4, "scheduler": scheduler, "scheduler_conf": SCHEDULES[scheduler]}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    tse_train.main(joint(recipe, whole, front_end, **conf, max_epoch=2))
    tse_train.main(joint(recipe, parts, front_end, **conf, max_epoch=1))
    # From its checkpoint, so the front-end's folder may be gone by then.
    tse_train.main(joint(recipe, parts, tmp_path / "gone", **conf, max_epoch=2))
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(parts)[name])
    one, other = (read_checkpoint(folder) for folder in (whole, parts))
    groups = [
        [(g["lr"], len(g["params"])) for g in state["optimizers"][0]["param_groups"]]
        for state in (one, other)
    ]
    assert groups[0] == groups[1] and len(groups[0]) == 2
    for epoch in (1, 2):
        stats = one["reporter"]["stats"][epoch]["train"]
        assert stats["optim0_lr1"] == pytest.approx(0.1 * stats["optim0_lr0"])


def test_a_frozen_front_end_is_that_of_its_folder_and_the_model_needs_the_folder_no_more(
    recipe, front_end, tmp_path
):
    folder, archive = tmp_path / "exp", tmp_path / "model.zip"
    moved = tmp_path / "front"
    moved.symlink_to(front_end)
    tse_train.main(joint(recipe, folder, moved, {"front_end": "frozen"}, max_epoch=1))
    moved.unlink()
    kept, given = (of_front_end(weights(place)) for place in (folder, front_end))
    assert kept.keys() == given.keys() and all(
        torch.equal(value, given[name]) for name, value in kept.items()
    )
    pack(folder, archive)
    config = yaml.safe_load(zipfile.ZipFile(archive).read("config.yaml"))
    assert config["pretrained"] is None
    for conf in ({}, {"autoregressive": False, "injection_ratio": 0.5}, {"output": "discriminative"}):
        np.testing.assert_array_equal(estimate(folder, **conf), estimate(archive, **conf))
    np.testing.assert_allclose(estimate(folder, output="discriminative"), estimate(front_end), atol=1e-6)


def test_a_trained_front_end_starts_from_a_packed_one_and_moves(recipe, front_end, tmp_path):
    archive = tmp_path / "front.zip"
    pack(front_end, archive)
    still, moved = tmp_path / "still", tmp_path / "moved"
    tse_train.main(joint(recipe, still, archive, {"front_end": "frozen"}, max_epoch=1))
    tse_train.main(joint(recipe, moved, archive, {}, max_epoch=1))
    given = of_front_end(weights(front_end))
    assert all(torch.equal(value, given[name]) for name, value in of_front_end(weights(still)).items())
    assert any(not torch.equal(value, given[name]) for name, value in of_front_end(weights(moved)).items())


def test_parts_are_put_together_without_training(recipe, front_end, tmp_path, capsys):
    alone, folder = tmp_path / "alone", tmp_path / "split"
    tse_train.main(options(recipe, alone, max_epoch=1))
    init = {"init_param": [str(alone / "valid.loss.ave.pth")]}
    conf = {"front_end": "frozen", "g_inputs": "mix+ref"}
    tse_train.main(joint(recipe, folder, front_end, conf, **init, max_epoch=0))
    trained = weights(alone)
    assert tse_train.main(options(recipe, alone, **init, max_epoch=0)) == 1
    assert (
        "--max_epoch 0 would put the weights of --init_param in the place of its own"
        in capsys.readouterr().err
    )
    assert all(torch.equal(value, trained[name]) for name, value in weights(alone).items())
    put_together = weights(folder, "valid.loss.ave.pth")
    for part in (front_end, alone):
        given = weights(part)
        assert all(torch.equal(value, put_together[name]) for name, value in given.items())
    np.testing.assert_array_equal(estimate(folder), estimate(alone))
    np.testing.assert_allclose(estimate(folder, output="discriminative"), estimate(front_end), atol=1e-6)
    assert np.abs(estimate(folder, autoregressive=False, injection_ratio=1.0) - estimate(alone)).max() > 1e-3
    pack(folder, tmp_path / "split.zip")


@pytest.mark.parametrize(
    "changes, fault",
    [
        (
            {"front": None},
            "this model wants a trained front_end; name its folder by --pretrained front_end=FOLDER",
        ),
        ({"front": "nowhere"}, "nowhere: neither an exp/ folder nor a packed model"),
        ({"front": "laura"}, "a system of model 'laura_tse' has no extractor"),
        ({"conf": {**SIZES, "hidden": 5}}, "hidden 4, here 5; give extractor and extractor_conf"),
        ({"conf": {**SIZES, "sample_rate": 8000}}, "sample_rate: 8000, but the codec works at 16000"),
    ],
)
def test_a_front_end_that_is_missing_or_another_is_named(recipe, front_end, tmp_path, capsys, changes, fault):
    front = {"": front_end, "nowhere": tmp_path / "nowhere", "laura": tmp_path / "laura"}.get(
        changes.get("front", "")
    )
    if changes.get("front") == "laura":
        tse_train.main(options(recipe, front, max_epoch=1))
    command = joint(recipe, tmp_path / "exp", front, {"front_end": "frozen"}, max_epoch=1)
    if "conf" in changes:
        command += [f"--extractor_conf={name}={value}" for name, value in changes["conf"].items()]
    assert tse_train.main(command) == 1
    assert fault in capsys.readouterr().err
    assert not (tmp_path / "exp" / "config.yaml").exists()


def test_a_front_end_of_another_rate_is_refused(recipe, tmp_path, capsys):
    from espnet_tse.tasks.pretrained import check_same_part
    from espnet_tse.tasks.tse import TSETask

    args = TSETask.get_parser().parse_args(joint(recipe, tmp_path / "exp", None))
    args, front = vars(args), {"model": "discriminative", **FRONT}
    found = {**front, "extractor_conf": {**SIZES, "sample_rate": 8000}}
    with pytest.raises(ValueError, match="sample_rate 8000, here 16000"):
        check_same_part(args, found, "extractor", "x")
    # What only saves memory is no other extractor.
    check_same_part(args, {**front, "extractor_conf": {**SIZES, "checkpoint_blocks": True}}, "extractor", "x")
    with pytest.raises(ValueError, match="extractor bsrnn, here usef_tfgridnet"):
        check_same_part(args, {**front, "extractor": "bsrnn", "extractor_conf": {}}, "extractor", "x")


@pytest.mark.parametrize(
    "model_conf, training, fault",
    [
        (None, {"front_end_lr": -1.0}, "--front_end_lr is -1.0"),
        ({"front_end": "frozen"}, {"front_end_lr": 1.0e-4}, "front_end: frozen; leave out one"),
        (None, {"front_end_lr": 1.0e-4, "exclude_weight_decay": True}, "--exclude_weight_decay both"),
        (None, {"front_end_lr": 1.0e-4, "scheduler": "cycliclr"}, "cycliclr sets one rate"),
        ({"front_end": "frosen"}, {}, "front_end 'frosen' is none of"),
        (
            {},
            {"model": "laura_tse", "extractor": None},
            "pretrained: unknown 'front_end'; known: none (model: laura_tse)",
        ),
        (None, {"max_epoch": 0}, "--max_epoch 0 keeps the weights of --init_param"),
        (None, {"max_epoch": -1}, "--max_epoch is -1"),
    ],
)
def test_faults_of_a_yaml_end_with_code_2(recipe, tmp_path, capsys, model_conf, training, fault):
    with pytest.raises(SystemExit) as end:
        tse_train.main(joint(recipe, tmp_path / "exp", "front", model_conf, **training))
    assert end.value.code == 2 and fault in capsys.readouterr().err

"""Training a codec from data directories, on tiny sizes."""

import contextlib
import json
import logging
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from espnet_tse.bin import codec_train
from espnet_tse.codec.load import load_codec
from espnet_tse.codec.manifest import check_same_codec
from espnet_tse.io.audio import write_audio
from espnet_tse.io.scp import DataError, write_scp
from espnet_tse.schema.manifest import read_manifest
from espnet_tse.tasks.codec import read_train_conf, train_codec
from espnet_tse.train.checkpoint import read_checkpoint
from espnet_tse.train.codec_step import CodecPass, CodecStep, learning_rate
from espnet_tse.train.codec_train_conf import CodecTrainConf

SIZES = dict(num_codebooks=3, codebook_size=8, embedding_dim=8)
SPECTRAL = dict(
    n_fft=256, stft_hop=64, encoder_channels=8, encoder_blocks=1, decoder_channels=8, decoder_blocks=1
)
QUIET = dict(use_tensorboard=False, use_matplotlib=False, num_workers=1)
ADVERSARY = {"num_filters": 2, "n_ffts": [128]}
CONFS = {
    "spectral": dict(codec="spectral", codec_conf={**SIZES, **SPECTRAL}, objective="spectral", lr=0.01),
    "waveform": dict(
        codec="funcodec",
        codec_conf={**SIZES, "ratios": [8, 4], "num_filters": 2, "lstm_layers": 1, "kmeans_iterations": 2},
        objective="waveform",
        objective_conf={"window_lengths": [64, 256], "num_mels": 8},
        adversary="msstft",
        adversary_conf={**ADVERSARY, "start_step": 2},
        lr=0.003,
    ),
    "grouped": dict(
        codec="spectral",
        codec_conf={
            **SPECTRAL,
            **dict(num_codebooks=1, codebook_size=8, embedding_dim=8, kept_of_groups=[4, 2]),
            "group_codebook_size": 4,
        },
        objective="spectral",
        reorganize_step=2,
        adversary="spectrum",
        adversary_conf={"num_filters": 2, "start_step": 1},
        codebook_dropout=0.0,
        lr=0.003,
    ),
}


VAE = dict(codec="time_frequency_vae", codec_conf={})


def write_conf(folder: Path, kind: str, **changes) -> Path:
    small = dict(batch_size=4, segment_s=0.2, prepare_segments=8, valid_segments=6, warmup_steps=0)
    conf = {**CONFS[kind], **small, **QUIET, **changes}
    path = folder / "codec.yaml"
    path.write_text(yaml.safe_dump(conf))
    return path


@pytest.fixture
def data(tmp_path):
    """A data directory of tones in noise; the second one is shorter than a segment."""
    rng = np.random.default_rng(0)
    paths = {}
    for i, length in enumerate((6000, 2000, 9000)):
        tone = np.sin(2 * np.pi * 200 * (i + 1) * np.arange(length) / 16000)
        write_audio(
            tmp_path / f"u{i}.wav", (0.2 * tone + 0.02 * rng.standard_normal(length)).astype("f4"), 16000
        )
        paths[f"u{i}"] = tmp_path / f"u{i}.wav"
    for name in ("train", "tse"):
        (tmp_path / name).mkdir()
    write_scp(tmp_path / "train" / "wav.scp", paths)
    write_scp(tmp_path / "tse" / "wav.scp", {"u0": "/no/mixture/is/read.wav"})
    write_scp(tmp_path / "tse" / "spk1.scp", {"u0": paths["u0"]})
    return tmp_path


def train(data: Path, kind: str, name: str, **changes) -> Path:
    conf = read_train_conf(write_conf(data, kind, **changes), {})
    train_codec(conf, data / "train", data / "tse", data / name, ngpu=0)
    return data / name


def weights(folder: Path) -> dict:
    return torch.load(folder / "model.pth", weights_only=True)


@pytest.mark.parametrize("kind", ["spectral", "waveform"])
def test_training_lowers_the_loss_and_leaves_a_codec_folder(data, kind):
    folder = train(data, kind, "exp", max_steps=40, checkpoint_interval=40, valid_interval=5)
    curve = torch.load(folder / "checkpoint.pth", weights_only=True)["curves"]["valid"]["loss"]
    # The spectral codec starts from principal components and has little left to gain on tones.
    assert curve[-1][1] < {"spectral": 0.99, "waveform": 0.9}[kind] * curve[0][1]
    codec = load_codec(folder)
    assert codec.spec.num_codebooks == 3
    manifest = read_manifest(folder)
    assert manifest["training"]["steps"] == 40 and "cpu_s" not in manifest["training"]
    json.dumps(manifest, allow_nan=False)


def test_groups_end_as_one_codebook(data):
    codec = load_codec(train(data, "grouped", "exp", max_steps=6))
    codes = codec.quantize(torch.randn(1, 6400))
    assert codec.spec.num_codebooks == 1 and codec.quantizer.reorganized
    assert codes.shape == (1, 1, 100) and codes.max() < 8


@pytest.mark.parametrize("kind", ["spectral", "waveform"])
def test_a_better_decoder_keeps_the_codes(data, kind):
    """Whatever was encoded or trained with the codec goes on with it; other codecs are refused."""
    base = train(data, kind, "base", max_steps=4)
    again = train(data, kind, "again", max_steps=6, decoder_of=str(base), checkpoint_interval=3)
    third = train(data, kind, "third", max_steps=4, decoder_of=str(again))
    old, new = load_codec(base), load_codec(again)
    waveform = torch.randn(1, 6400)
    assert torch.equal(old.quantize(waveform), new.quantize(waveform))
    codes = old.encode(waveform, torch.tensor([6400]))
    assert not torch.allclose(old.decode_codes(codes), new.decode_codes(codes))
    changed = {name for name, value in weights(again).items() if not torch.equal(value, weights(base)[name])}
    assert changed and all(name.startswith(("decoder.", "expansion.")) for name in changed)
    for folder in (again, third):
        check_same_codec(read_manifest(base), read_manifest(folder))
    other = train(data, kind, "other", max_steps=4, seed=1)
    with pytest.raises(DataError, match="codec mismatch"):
        check_same_codec(read_manifest(other), read_manifest(again))
    sizes = {**CONFS[kind]["codec_conf"], "codebook_size": 4}
    with pytest.raises(
        DataError, match="decoder_of: .*base is another codec than codec_conf says: codebook_size"
    ):
        train(data, kind, "smaller", max_steps=4, decoder_of=str(base), codec_conf=sizes)
    if kind == "spectral":  # what decoding alone reads may differ
        louder = {**CONFS[kind]["codec_conf"], "contrast": 1.2}
        check_same_codec(
            read_manifest(base),
            read_manifest(train(data, kind, "louder", max_steps=4, decoder_of=str(base), codec_conf=louder)),
        )


def test_a_step_without_a_finite_gradient_is_skipped_and_named(data, monkeypatch, caplog):
    """As an overflow gives it; the next steps go on from the weights before it."""
    from espnet_tse.codec.objective import SpectralObjective

    whole, calls = SpectralObjective.forward, []

    def overflow(self, codec, waveform, *rest):
        result = whole(self, codec, waveform, *rest)
        calls.append(codec.training)
        loss = result.loss * float("inf") if calls.count(True) in broken and codec.training else result.loss
        return replace(result, loss=loss)

    monkeypatch.setattr(SpectralObjective, "forward", overflow)
    broken = {3}
    folder = train(data, "spectral", "one", max_steps=5, checkpoint_interval=5, log_interval=1)
    reported = r"step 3 skipped, its gradient is not finite: losses are finite; utterances \['u\d'"
    assert re.search(reported, caplog.text)
    steps = [step for step, _ in read_checkpoint(folder)["curves"]["train"]["loss"]]
    assert steps == [1, 2, 4, 5]
    assert all(value.isfinite().all() for value in weights(folder).values() if value.is_floating_point())

    calls.clear()
    broken = set(range(2, 99))
    with pytest.raises(DataError, match=r"4 steps in a row up to 5 had no finite gradient.*'u\d'.*lower lr"):
        train(data, "spectral", "all", max_steps=9, checkpoint_interval=9, max_skipped_updates=4)


@pytest.mark.parametrize("kind", ["spectral", "waveform", "grouped"])
def test_a_killed_training_ends_with_the_same_weights(data, kind, monkeypatch):
    steps = dict(max_steps=6, checkpoint_interval=3, log_interval=2)
    whole = train(data, kind, "whole", **steps)
    with monkeypatch.context() as patch:
        patch.setattr(CodecStep, "begin", dying(4))
        with pytest.raises(KeyboardInterrupt):
            train(data, kind, "killed", **steps)
    assert not (data / "killed" / "manifest.json").exists()
    resumed = train(data, kind, "killed", **steps)
    expected, found = (weights(folder) for folder in (whole, resumed))
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name
    expected, found = (read_checkpoint(folder)["curves"]["train"] for folder in (whole, resumed))
    assert expected == found and [step for step, _ in found["loss"]] == [2, 4, 6]  # the kill was between two points


@pytest.mark.parametrize("kind", ["spectral", "waveform"])
def test_a_step_in_pieces_is_the_same(data, kind, monkeypatch):
    """The memory budget changes nothing; accumulated batches are one of twice the size."""
    sgd = lambda weights, lr, **_: torch.optim.SGD(weights, lr)  # noqa: E731  # Adam would enlarge rounding
    monkeypatch.setattr(torch.optim, "AdamW", sgd)
    # Features of the adversary are compared relative to the mean of a piece.
    small = {"adversary": None, "adversary_conf": {}} if kind == "waveform" else {}
    # With this seed no frame lies so near the middle between two entries that rounding decides where it belongs.
    conf = dict(max_steps=4, checkpoint_interval=4, codebook_dropout=0.0, lr=0.01, seed=2, **small)
    whole = weights(train(data, kind, "whole", **conf))
    pieces = weights(train(data, kind, "pieces", **conf, max_piece_s=0.25))
    for name, tensor in whole.items():
        torch.testing.assert_close(pieces[name], tensor, atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.parametrize("kind", ["spectral", "waveform"])
def test_a_training_with_amp_and_accumulation_lowers_the_loss(data, kind):
    more = dict(use_amp=True, accum_grad=2, batch_size=2, valid_interval=5, log_interval=3)
    folder = train(data, kind, "exp", max_steps=30, checkpoint_interval=30, **more)
    curves = torch.load(folder / "checkpoint.pth", weights_only=True)["curves"]
    loss = curves["valid"]["loss"]
    assert loss[-1][1] < {"spectral": 0.995, "waveform": 0.95}[kind] * loss[0][1]
    assert [step for step, _ in curves["train"]["loss"]] == list(range(3, 31, 3))
    assert all(
        value.dtype == torch.float32 for value in weights(folder).values() if value.is_floating_point()
    )


def test_another_interval_of_validations_changes_nothing(data):
    whole = weights(train(data, "spectral", "whole", max_steps=7, checkpoint_interval=2))
    for interval, steps in (
        (3, 4),
        (5, 7),
    ):  # stops inside and at the end of what another start calls an epoch
        conf = dict(max_steps=7, checkpoint_interval=2, valid_interval=interval)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CodecStep, "begin", dying(steps))
            with pytest.raises(KeyboardInterrupt) if steps < 7 else contextlib.nullcontext():
                train(data, "spectral", "parts", **conf)
    for name, tensor in weights(data / "parts").items():
        assert torch.equal(tensor, whole[name]), name


def dying(steps: int):
    """``CodecStep.begin`` that ends the training before the step behind ``steps``."""
    original = CodecStep.begin

    def begin(self):
        if self.num_updates == steps:
            raise KeyboardInterrupt
        return original(self)

    return begin


def test_a_step_that_is_skipped_leaves_codec_and_adversary_as_they_were(data, monkeypatch):
    """Tables, that learn without gradients, among them."""
    whole = CodecPass.forward
    states = []

    def spoilt(self, waveform, **rest):
        loss, *others = whole(self, waveform, **rest)
        if self.training and len(states) in (2, 3):
            loss = loss * float("nan")
        return loss, *others

    begin = CodecStep.begin

    def noted(self):
        tensors = [value.clone() for part in self.parts.values() for value in part.state_dict().values()]
        moments = [
            value.clone() for state in self.phases[0].optimizer.state.values() for value in state.values()
        ]
        states.append((tensors, moments))
        return begin(self)

    monkeypatch.setattr(CodecStep, "begin", noted)
    monkeypatch.setattr(CodecPass, "forward", spoilt)
    train(
        data,
        "waveform",
        "exp",
        max_steps=5,
        checkpoint_interval=5,
        adversary_conf={**ADVERSARY, "start_step": 0},
    )
    for before, after, same in zip(states[:-1], states[1:], (False, True, True, False), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(before[0], after[0])) == same
        if same:
            assert all(torch.equal(a, b) for a, b in zip(before[1], after[1]))


def test_a_finished_training_is_not_repeated(data):
    folder = train(data, "spectral", "exp", max_steps=2)
    before = weights(folder)
    train(data, "spectral", "exp", max_steps=2)
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(folder).items())


def test_a_finished_training_is_of_its_data(data):
    folder = train(data, "spectral", "exp", max_steps=2)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    shutil.copytree(data / "train", data / "other")
    conf = read_train_conf(write_conf(data, "spectral", max_steps=2), {})
    with pytest.raises(DataError, match="holds a tokenizer of .*train, not of .*other; give the same --train_data_dir"):
        train_codec(conf, data / "other", data / "tse", folder, 0)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_units_that_are_complete_are_of_their_options_and_data(data):
    def fit(train_dir="train", **changes):
        units = {"codec": "cepstral_units", "objective": "kmeans", "codec_conf": {"num_units": 4}, "prepare_frames": 40}
        (data / "units.yaml").write_text(yaml.safe_dump(units | changes))
        train_codec(read_train_conf(data / "units.yaml", {}), data / train_dir, data / "tse", data / "units", 0)
        return (data / "units/manifest.json").read_bytes()

    assert fit() == fit(licence="MIT")
    with pytest.raises(DataError, match="holds a tokenizer of other codec_conf, seed; give the same options"):
        fit(seed=1, codec_conf={"num_units": 5})
    shutil.copytree(data / "train", data / "other")
    with pytest.raises(DataError, match="holds a tokenizer of .*train, not of .*other"):
        fit("other")


def test_a_checkpoint_of_other_options_is_refused(data):
    train(data, "spectral", "exp", max_steps=2)
    with pytest.raises(DataError, match="belongs to a training with other lr"):
        train(data, "spectral", "exp", max_steps=2, lr=0.5)
    (data / "exp" / "checkpoint.pth").write_bytes(b"half")
    with pytest.raises(DataError, match="remove it to train from the start"):
        train(data, "spectral", "exp", max_steps=2)


def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_is_used(data, caplog):
    whole = weights(train(data, "spectral", "whole", max_steps=6, checkpoint_interval=2))
    folder = train(data, "spectral", "exp", max_steps=6, checkpoint_interval=2)
    assert torch.load(folder / "checkpoint.previous.pth", weights_only=True)["step"] == 4
    path = folder / "checkpoint.pth"
    path.write_bytes(path.read_bytes()[:-100])
    (folder / "model.pth").unlink()
    with caplog.at_level(logging.INFO):
        train(data, "spectral", "exp", max_steps=6, checkpoint_interval=2)
    assert "exp/checkpoint.pth cannot be read" in caplog.text and "checkpoint.previous.pth" in caplog.text
    assert "going on after step 4" in caplog.text
    assert all(torch.equal(tensor, weights(folder)[name]) for name, tensor in whole.items())


def test_command_line_overrides_logs_and_draws(data, capsys):
    path = write_conf(data, "spectral", max_steps=50, use_matplotlib=True, use_tensorboard=True)
    command = ["--config", path, "--train_data_dir", data / "train", "--valid_data_dir", data / "tse"]
    command += ["--output_dir", data / "exp", "--max_steps", "3", "--codec_conf", "{num_codebooks: 2}"]
    root = logging.getLogger()
    handlers = root.handlers[:]
    try:
        assert codec_train.main([str(word) for word in command]) == 0
    finally:
        root.handlers[:] = handlers
    config = yaml.safe_load((data / "exp" / "config.yaml").read_text())
    assert config["max_steps"] == 3
    assert config["codec_conf"]["num_codebooks"] == 2 and config["codec_conf"]["n_fft"] == 256
    assert "3/3 steps: log_magnitude" in (data / "exp" / "train.log").read_text()
    assert (data / "exp" / "images" / "loss.png").stat().st_size > 1000
    assert list((data / "exp" / "tensorboard" / "train").iterdir())
    command[command.index("--max_steps") + 1] = "0"
    assert codec_train.main([str(word) for word in command]) == 1
    assert "max_steps must be positive" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(max_step=3), "unknown 'max_step' .did you mean 'max_steps'"),
        (dict(codec="spectal"), "did you mean 'spectral'"),
        (dict(codec_conf={"n_ftt": 3}), "did you mean 'n_fft'"),
        (dict(objective="waveform"), "cannot be trained with objective waveform"),
        (
            dict(
                decoder_of="exp/codec_x",
                reorganize_step=5,
                codec_conf={"num_codebooks": 1, "codebook_size": 8, "kept_of_groups": [4, 2]},
            ),
            "decoder_of keeps the codes",
        ),
        (dict(objective="vae"), "codec spectral cannot be trained with objective vae"),
        (VAE, "codec time_frequency_vae cannot be trained with objective spectral"),
        (
            dict(VAE, objective="waveform"),
            "codec time_frequency_vae cannot be trained with objective waveform",
        ),
        (dict(VAE, objective="kmeans"), "units have kmeans, and only they"),
        (
            dict(VAE, objective="vae", decoder_of="exp/codec_x"),
            "decoder_of is for codecs; train a time_frequency_vae as a whole",
        ),
        (
            dict(VAE, objective="vae", adversary="spectrum"),
            "spectrum hears a spectrum, objective vae makes waveform",
        ),
        (
            dict(VAE, objective="vae", objective_conf={"divergence_weigth": 1.0}),
            "did you mean 'divergence_weight'",
        ),
        (dict(mixed_share=1.5), "mixed_share is 1.5, want a share from 0 to 1"),
        (dict(betas=[0.9]), r"betas are \[0.9\], want two numbers in \[0, 1\)"),
        (dict(codebook_choices=[0, 2]), r"codebook_choices are \[0, 2\], want numbers of codebooks from 1 on"),
        (dict(reorganize_step=5), "kept_of_groups and reorganize_step, .* go together"),
        (dict(reorganize_step=1000), "want a step from 1 to max_steps - 1, 999"),
        (dict(adversary="msstft"), "msstft hears a waveform, objective spectral makes spectrum"),
        (
            dict(codec="cepstral_units", objective="kmeans", adversary="spectrum"),
            "objective kmeans makes nothing",
        ),
        (dict(lr="1e-3"), r"lr is '1e-3', want a number \(YAML reads 1e-3 as text; write 1.0e-3\)"),
        (dict(batch_size=2.5), "batch_size is 2.5, want a whole number"),
        (dict(objective="foo"), "objective: unknown 'foo'"),
        (dict(batch_size=0), "batch_size must be positive"),
        (dict(codebook_dropout=1.5), "are shares from 0 to 1"),
        (dict(codec_conf={"n_fft": -2}), "n_fft must be positive"),
    ],
)
def test_faults_of_a_yaml_are_named(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        read_train_conf(write_conf(tmp_path, "spectral", **changes), {})


def test_more_codebooks_than_there_are_are_refused_before_the_training(data):
    with pytest.raises(DataError, match=r"codebook_choices are \[2, 50\], but spectral has 3 codebooks"):
        train(data, "spectral", "exp", codebook_choices=[2, 50])
    assert not (data / "exp" / "checkpoint.pth").exists()


def test_files_that_are_no_yaml_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_train_conf(tmp_path / "none.yaml", {})
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(DataError, match="want 'key: value' lines"):
        read_train_conf(tmp_path / "list.yaml", {})


def test_data_of_another_rate_are_refused(data):
    write_audio(data / "slow.wav", np.full(4000, 0.1, "f4"), 8000)
    write_scp(data / "train" / "wav.scp", {"slow": data / "slow.wav"})
    with pytest.raises(DataError, match="audio is at 8000 Hz but the codec works at 16000 Hz"):
        train(data, "spectral", "exp", max_steps=1)


def test_learning_rate_warms_up_and_falls():
    conf = CodecTrainConf(lr=1.0, warmup_steps=10, max_steps=110, final_lr_share=0.1)
    assert learning_rate(conf, 0) == pytest.approx(0.1)
    assert learning_rate(conf, 10) == pytest.approx(1.0)
    assert learning_rate(conf, 60) == pytest.approx(0.55)
    assert learning_rate(conf, 110) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[2].glob("egs2/TEMPLATE/tse1/conf/codec_*.yaml")), ids=str
)
def test_every_codec_yaml_of_a_recipe_is_valid(path):
    read_train_conf(path, {})


def test_two_processes_equal_one(data):
    """Gradients are averaged and tables learn from all rows, so only rounding may differ."""
    # Adam turns the rounding of a gradient near zero into a whole step, so the steps are kept small.
    # Of two vectors a table none dies; a dead one starts again on a row of the first process.
    small = {**CONFS["spectral"]["codec_conf"], "codebook_size": 2}
    conf = dict(max_steps=3, codebook_dropout=0.0, lr=1e-5, codec_conf=small, log_interval=1)
    alone = train(data, "spectral", "alone", **conf)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += [
        "-m",
        "espnet_tse.bin.codec_train",
        "--config",
        data / "codec.yaml",
        "--output_dir",
        data / "both",
    ]
    command += ["--train_data_dir", data / "train", "--valid_data_dir", data / "tse"]
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=1200)
    norms = []
    for folder in (alone, data / "both"):
        curves = torch.load(folder / "checkpoint.pth", weights_only=True)["curves"]
        norms.append(torch.tensor(curves["train"]["grad_norm"])[:, 1])
    torch.testing.assert_close(*norms, rtol=1e-3, atol=1e-5)
    expected = weights(alone)
    for name, tensor in weights(data / "both").items():
        torch.testing.assert_close(tensor, expected[name], atol=1e-4, rtol=1e-3, msg=name)

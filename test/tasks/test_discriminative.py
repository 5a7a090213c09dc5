"""Discriminative systems through the command lines, without a codec."""

import shutil
import zipfile

import numpy as np
import pytest
import torch
import yaml
from nano_training import TRAINING, weights
from tse_system import write_signal

from espnet_tse.bin import extract, tse_train
from espnet_tse.io.scp import read_scp, write_scp
from espnet_tse.tasks.extractor import Extractor
from espnet_tse.tasks.packing import pack
from espnet_tse.tasks.tse import TSETask

NANO = {
    "extractor": "td_speakerbeam",
    "extractor_conf": {
        "num_filters": 16,
        "width": 8,
        "hidden": 12,
        "skip": 8,
        "num_blocks": 2,
        "num_repeats": 1,
    }
    | {"adapted_block": 1, "causal": True},
    "speaker_encoder": "tcn",
    "speaker_encoder_conf": {"width": 8, "hidden": 12, "skip": 8, "num_blocks": 2, "output_dim": 10},
    "model": "discriminative",
    "model_conf": {"losses": {"si_sdr": 1.0, "speaker": 0.5}},
}


def options(recipe, output_dir, conf=None, **training):
    path = output_dir.parent / f"{output_dir.name}.yaml"
    path.write_text(yaml.safe_dump({**NANO, **TRAINING, **(conf or {}), **training}))
    sets = [f"--{name}_data_dir={recipe / name}" for name in ("train", "valid")]
    return [f"--config={path}", *sets, f"--output_dir={output_dir}", "--ngpu=0"]


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exp") / "tse_nano"
    assert tse_train.main(options(recipe, folder, max_epoch=1)) in (0, None)
    return folder


def noise(seed):
    return np.random.default_rng(seed).standard_normal(4000).astype(np.float32) * 0.1


def test_training_counts_its_speakers_and_needs_no_codec(trained):
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert config["model_conf"]["num_speakers"] == 3
    assert weights(trained)["speaker_classes.weight"].shape == (3, 10)
    assert not (trained / "tokenizers_of_training").exists()


def test_resumed_training_equals_uninterrupted_training(recipe, trained, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    tse_train.main(options(recipe, whole, max_epoch=2))
    tse_train.main(options(recipe, parts, max_epoch=1))
    tse_train.main(options(recipe, parts, max_epoch=2))
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(parts)[name])
    assert any(not torch.equal(value, weights(whole)[name]) for name, value in weights(trained).items())


@pytest.mark.parametrize(
    "losses, warned", [({"si_sdr": 1.0}, True), ({"si_sdr": 1.0, "absent_energy": 0.1}, False)]
)
def test_absent_targets_that_no_loss_hears_are_remarked_on(recipe, tmp_path, caplog, losses, warned):
    absent = tmp_path / "absent"
    shutil.copytree(recipe / "train", absent)
    (absent / "mixing.yaml").write_text("target_absent: 0.5\n")
    command = options(recipe, tmp_path / "exp", {"model_conf": {"losses": losses}})
    args = TSETask.parse([*command, f"--train_data_dir={absent}"])
    with caplog.at_level("WARNING"):
        TSETask.open_dataset(args, True, {})
    assert ("target_absent is 0.5, but" in caplog.text) == warned


def test_a_packed_system_extracts_as_its_folder_and_streams(trained, tmp_path):
    archive = tmp_path / "model.zip"
    pack(trained, archive)
    assert not [name for name in zipfile.ZipFile(archive).namelist() if "codec" in name]
    systems = [Extractor.from_pretrained(place) for place in (trained, archive)]
    estimates = [system(noise(1), noise(2), 16000) for system in systems]
    np.testing.assert_array_equal(*estimates)
    stream = systems[1].stream(noise(2), 16000)
    assert len(np.concatenate([stream.push(noise(1)), stream.flush()])) == 4000


def test_sets_are_decoded(trained, tmp_path):
    for role, seed in (("mixture", 1), ("enrollment", 2)):
        write_signal(tmp_path / f"{role}.wav", noise(seed))
        write_scp(tmp_path / f"{role}.scp", {"utt": tmp_path / f"{role}.wav"})
    lists = ["--mixture_scp", str(tmp_path / "mixture.scp"), "--enroll_scp", str(tmp_path / "enrollment.scp")]
    assert extract.main(["--model", str(trained), *lists, "--output_dir", str(tmp_path / "out")]) == 0
    assert list(read_scp(tmp_path / "out" / "wav.scp")) == ["utt"]


def test_data_of_another_rate_are_refused(recipe, tmp_path, capsys):
    conf = {"extractor_conf": {**NANO["extractor_conf"], "sample_rate": 8000}}
    assert tse_train.main(options(recipe, tmp_path / "exp", conf, max_epoch=1)) == 1
    assert "extractor_conf says sample_rate: 8000" in capsys.readouterr().err


@pytest.mark.parametrize(
    "conf, fault",
    [
        ({"extractor": "td_speakerbea"}, "did you mean 'td_speakerbeam'"),
        ({"extractor": None}, "--extractor is required"),
        ({"speaker_encoder": None}, "--speaker_encoder is required"),
        ({"lm": "decoder_only"}, "lm: this system has none; leave out lm: decoder_only"),
        ({"extractor_conf": {"num_filter": 8}}, "did you mean 'num_filters'"),
        (
            {"speaker_encoder": "ge2e", "speaker_encoder_conf": {}},
            "choose another speaker_encoder, or an extractor that",
        ),
        (
            {"extractor": "bsrnn", "extractor_conf": {"sample_rate": 8000}}
            | {"speaker_encoder": "ge2e", "speaker_encoder_conf": {}},
            "SpeakerGE2E works at 16000 Hz, but extractor_conf says sample_rate: 8000",
        ),
        ({"model_conf": {"losses": {"sisdr": 1.0}}}, "did you mean 'si_sdr'"),
        ({"extractor_conf": {"width": "sixteen"}}, "width is 'sixteen', want a whole number"),
        (
            {"extractor": "bsrnn", "extractor_conf": {"n_fft": 64, "hop_length": 48}},
            "n_fft 64 must be even and a multiple of hop_length 48, at least twice it",
        ),
        (
            {"extractor": "usef_tfgridnet", "extractor_conf": {"width": 4, "hidden": 4, "num_blocks": 1}}
            | {
                "speaker_encoder": None,
                "speaker_encoder_conf": {},
                "model_conf": {"losses": {"si_sdr": 1, "speaker": 1}},
            },
            "the loss 'speaker' wants an embedding, and USEFTFGridNet makes none",
        ),
    ],
)
def test_faults_of_a_yaml_end_with_code_2(recipe, tmp_path, capsys, conf, fault):
    with pytest.raises(SystemExit) as end:
        tse_train.main(options(recipe, tmp_path / "exp", conf))
    assert end.value.code == 2 and fault in capsys.readouterr().err


def test_extracted_embeddings_train_and_decode(recipe, tmp_path, capsys):
    def embeddings(name, keys):
        for key in keys:
            np.save(
                tmp_path / f"{key}.npy", np.random.default_rng(len(key)).standard_normal(6).astype(np.float32)
            )
        write_scp(tmp_path / f"{name}.scp", {key: tmp_path / f"{key}.npy" for key in keys})
        return tmp_path / f"{name}.scp"

    train = embeddings("train", read_scp(recipe / "train" / "wav.scp"))
    valid = embeddings("valid", read_scp(recipe / "valid" / "wav.scp"))
    conf = {"speaker_encoder": "given", "speaker_encoder_conf": {"output_dim": 6}}
    command = options(recipe, tmp_path / "exp", conf, max_epoch=1)
    tse_train.main([*command, f"--train_embeddings={train}", f"--valid_embeddings={valid}"])
    lists = [
        "--mixture_scp",
        str(recipe / "valid" / "wav.scp"),
        "--enroll_scp",
        str(recipe / "valid" / "enroll_spk1.scp"),
    ]
    run = ["--model", str(tmp_path / "exp"), *lists, "--output_dir", str(tmp_path / "out")]
    assert extract.main(run) == 1 and "the batch has none" in capsys.readouterr().err
    assert extract.main([*run, "--embedding_scp", str(valid)]) == 0
    assert len(read_scp(tmp_path / "out" / "wav.scp")) == 3
    np.save(tmp_path / "mix0.npy", np.zeros(5, dtype=np.float32))
    again = [*run[:-1], str(tmp_path / "again")]
    assert extract.main([*again, "--embedding_scp", str(valid)]) == 1
    assert "embeddings of 5 and 6 values in one batch" in capsys.readouterr().err
    valid.write_text("mix0 x.npy\n")
    assert tse_train.main([*command, f"--train_embeddings={train}", f"--valid_embeddings={valid}"]) == 1
    assert "lacks embeddings of 2 of 3" in capsys.readouterr().err


def test_a_system_trained_with_batch_norm_still_opens(recipe, tmp_path, caplog):
    """As older folders are: no norm in config.yaml, running statistics among the weights."""
    speaker = {"width": 4, "num_blocks": [1, 1], "output_dim": 10}
    sizes = {"n_fft": 64, "hop_length": 16, "width": 8, "num_layers": 1, "num_mels": 16}
    conf = {"extractor": "bsrnn", "extractor_conf": sizes, "speaker_encoder": "resnet34"}
    folder, audio = tmp_path / "tse_old", (noise(0), noise(1), 16000)
    old = {**speaker, "norm": "batch"}
    tse_train.main(options(recipe, folder, max_epoch=1, **conf, speaker_encoder_conf=old))
    assert any("running_mean" in name for name in weights(folder))
    expected = Extractor.from_pretrained(folder)(*audio)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    del config["speaker_encoder_conf"]["norm"]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert np.array_equal(Extractor.from_pretrained(folder)(*audio), expected)
    assert "valid.loss.ave.pth: was trained with batch norm" in caplog.text
    # Trained now, without a word about it: nothing that runs along.
    tse_train.main(options(recipe, tmp_path / "new", max_epoch=1, **conf, speaker_encoder_conf=speaker))
    assert not any("running" in name for name in weights(tmp_path / "new"))
    assert Extractor.from_pretrained(tmp_path / "new")(*audio).shape == expected.shape

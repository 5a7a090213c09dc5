"""A VAE from training to latents on disk, and the system that learns from them, at the size of tests."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tse_system import write_signal

from espnet_tse import Extractor
from espnet_tse.bin import codec_train, encode_codes, mix_set, resynthesize, tse_train
from espnet_tse.codec.load import load_codec
from espnet_tse.codec.time_frequency_vae import TimeFrequencyVAE
from espnet_tse.data.collate import TSECollate
from espnet_tse.encoder.latents import AbsLatentEncoder
from espnet_tse.flow.latent_diffusion import LatentDiffusionDecode
from espnet_tse.io.audio import read_audio
from espnet_tse.io.scp import read_scp, write_scp
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.models.espnet_batch import to_tse_batch
from espnet_tse.schema import Streams
from espnet_tse.schema.manifest import read_manifest
from espnet_tse.tasks.build import build_model
from espnet_tse.tasks.tokenizers import manifests_of
from espnet_tse.tasks.tse import TSETask

CONF = Path(__file__).resolve().parents[2] / "egs2" / "TEMPLATE" / "tse1" / "conf"
QUIET = {"use_tensorboard": False, "use_matplotlib": False}
LENGTHS = [5000, 3200, 3201, 4000, 6400, 2000]


def words(*parts) -> list[str]:
    return [str(part) for part in parts]


def encode(codec: Path, scp: Path, out: Path) -> Path:
    assert encode_codes.main(words("--codec", codec, "--scp", scp, "--output_dir", out)) == 0
    return out


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """Two speakers' utterances, a VAE of codec_vae_nano.yaml, and all latents."""
    root, rng = tmp_path_factory.mktemp("vae"), np.random.default_rng(0)
    sources, speakers = {}, {}
    for number, length in enumerate(LENGTHS):
        key = f"spk{number % 2}-{number}"
        sources[key], speakers[key] = root / f"{key}.wav", f"spk{number % 2}"
        tone = np.sin(2 * np.pi * 200 * (number + 1) * np.arange(length) / 16000)
        write_signal(sources[key], 0.1 * tone + 0.02 * rng.standard_normal(length))
    train, valid = root / "train", root / "valid"
    write_scp(train / "wav.scp", sources)
    write_scp(train / "utt2spk", speakers)
    (train / "mixing.yaml").write_text("sir_db: [-5, 5]\n")
    write_scp(valid / "wav.scp", {"mix0": sources["spk0-0"]})
    write_scp(valid / "spk1.scp", {"mix0": sources["spk0-0"]})
    write_scp(valid / "enroll_spk1.scp", {"mix0": sources["spk0-2"]})
    write_scp(valid / "utt2spk", {"mix0": "spk0"})
    conf = {**read_chain(CONF / "codec_vae_nano.yaml").content, **QUIET, "segment_s": 0.2, "mixed_share": 0.5}
    (root / "codec_vae.yaml").write_text(yaml.safe_dump(conf))
    data = ("--train_data_dir", train, "--valid_data_dir", valid)
    codec = root / "codec"
    assert codec_train.main(words("--config", root / "codec_vae.yaml", *data, "--output_dir", codec)) == 0
    encode(codec, train / "wav.scp", root / "latents_train")
    encode(codec, valid / "spk1.scp", root / "latents_valid")
    return root


def test_a_trained_vae_is_opened_by_its_manifest(work):
    manifest, codec = read_manifest(work / "codec"), load_codec(work / "codec")
    assert isinstance(codec, TimeFrequencyVAE) and not codec.training
    assert manifest["codec"] == "time_frequency_vae" and manifest["training"]["steps"] == 2
    assert set(manifest["training"]["valid"]) == {"loss", "spectral", "divergence", "waveform"}
    json.dumps(manifest, allow_nan=False)
    # Statistics of the training are with the weights.
    assert not torch.equal(codec.deviation, torch.ones_like(codec.deviation)) and codec.mean.any()


def test_latents_on_disk_are_those_of_each_utterance_alone(work):
    codec, found = load_codec(work / "codec"), read_scp(work / "latents_train" / "latent.scp")
    sources = read_scp(work / "train" / "wav.scp")
    assert list(found) == list(sources)
    values = []
    for key, path in sources.items():
        latents, waveform = np.load(found[key]), torch.from_numpy(read_audio(path)[0])[None]
        assert latents.dtype == np.float32 and latents.shape == (-(-waveform.size(1) // 320), 8)
        with torch.no_grad():
            expected = codec.encode(waveform, torch.tensor([waveform.size(1)]))["latent"].values[0]
        np.testing.assert_allclose(latents, expected.numpy(), atol=1e-4, rtol=1e-3)
        values.append(latents)
    # Standardised by some segments of these utterances, half of them sums of two.
    values = np.concatenate(values)
    assert np.abs(values.mean(axis=0)).max() < 2 and 0.2 < values.std(axis=0).mean() < 3


def test_resynthesis_keeps_length_and_level(work):
    command = ("--codec", work / "codec", "--scp", work / "train" / "wav.scp", "--output_dir", work / "heard")
    assert resynthesize.main(words(*command)) == 0
    found = read_scp(work / "heard" / "wav.scp")
    for key, path in read_scp(work / "train" / "wav.scp").items():
        (signal, rate), (heard, other) = read_audio(path), read_audio(found[key])
        assert rate == other and len(signal) == len(heard)
        peak = np.abs(heard).max()
        if peak < 0.99:  # else it was turned down
            assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(signal**2)), rel=0.02)


def test_codebooks_are_nothing_that_a_vae_has(work, capsys):
    command = ("--codec", work / "codec", "--scp", work / "train" / "wav.scp", "--output_dir", work / "few")
    assert resynthesize.main(words(*command, "--num_codebooks", 2)) == 1
    assert "has 1 codebooks; ask for 1 .. 1" in capsys.readouterr().err


def test_a_finished_training_stays_as_it_is(work):
    before = read_manifest(work / "codec")
    data = ("--train_data_dir", work / "train", "--valid_data_dir", work / "valid")
    command = ("--config", work / "codec_vae.yaml", *data, "--output_dir", work / "codec")
    assert codec_train.main(words(*command)) == 0
    assert read_manifest(work / "codec") == before


def options(work: Path, output_dir: Path, **changes) -> list[str]:
    conf = {**read_chain(CONF / "solospeech_nano.yaml").content, **QUIET, "crop_s": 0.2, "enrollment_s": 0.2}
    conf |= {"stored_passes": 0}
    conf.pop("tokenizers")
    path = work / f"{output_dir.name}.yaml"
    path.write_text(yaml.safe_dump({**conf, **changes}))
    return [
        f"--config={path}",
        f"--train_data_dir={work / 'train'}",
        f"--valid_data_dir={work / 'valid'}",
        f"--train_tokens=latent={work / 'latents_train'}",
        f"--valid_tokens=latent={work / 'latents_valid'}",
        f"--tokenizers=latent={work / 'codec'}",
        f"--output_dir={output_dir}",
        "--ngpu=0",
    ]


@pytest.fixture(scope="module")
def system(work) -> Path:
    folder = work / "exp" / "tse_nano"
    folder.parent.mkdir()
    assert tse_train.main(options(work, folder)) == 0
    return folder


def test_a_system_learns_from_latents_on_disk_and_extracts(work, system):
    weights = torch.load(system / "valid.loss.ave.pth", weights_only=True)
    assert not any("autoencoder" in name for name in weights)
    assert all(value.isfinite().all() for value in weights.values())
    signals = [read_audio(work / f"spk0-{number}.wav")[0] for number in (0, 2)]
    conf = LatentDiffusionDecode(steps=2)
    estimates = [Extractor.from_pretrained(str(system), conf=conf)(*signals, 16000) for _ in range(2)]
    assert len(estimates[0]) == 5000 and np.isfinite(estimates[0]).all() and estimates[0].any()
    assert np.array_equal(*estimates)


def test_latents_of_another_vae_are_refused(work, system, tmp_path, capsys):
    from espnet_tse.codec.load import save_codec

    torch.manual_seed(5)
    codec = load_codec(work / "codec")
    torch.nn.init.normal_(codec.posterior[1].weight)
    save_codec(
        tmp_path / "other", codec, yaml.safe_load((work / "codec" / "config.yaml").read_text()), "none", {}
    )
    command = options(work, tmp_path / "exp")
    command[command.index(f"--tokenizers=latent={work / 'codec'}")] = (
        f"--tokenizers=latent={tmp_path / 'other'}"
    )
    assert tse_train.main(command) == 1
    assert "codec mismatch" in capsys.readouterr().err


@pytest.fixture(scope="module")
def stored(work) -> Path:
    """Two passes of fixed mixtures; latents of all that they, and the development set, hold."""
    command = ("--source_dir", work / "train", "--passes", 2, "--output_dir", work / "mixed")
    assert mix_set.main(words(*command)) == 0
    for name in ("mixed", "valid"):
        command = ("--codec", work / "codec", "--scp", work / name, "--output_dir", work / f"stored_{name}")
        for more in (("--shard", "1/2"), ("--shard", "2/2"), ("--merge", 2)):
            assert encode_codes.main(words(*command, *more)) == 0
    return work


def stored_options(work: Path, output_dir: Path, **changes) -> list[str]:
    return [
        *options(work, output_dir, stored_passes=2, **changes),
        f"--train_data_dir={work / 'mixed'}",
        f"--train_tokens=latent={work / 'stored_mixed'}",
        f"--valid_tokens=latent={work / 'stored_valid'}",
    ]


def test_what_is_heard_several_times_is_encoded_once(stored):
    found = read_scp(stored / "stored_mixed" / "latent.scp")
    rows = 2 * len(LENGTHS)
    assert len(found) == 2 * rows + len(LENGTHS)
    # The mixtures, and each utterance once, whether it is a target or enrolls.
    assert len(set(found.values())) == rows + len(LENGTHS)
    assert found["spk0-0-1"] == found["spk0-0-0"] == found["spk0-0#enrollment"]


@pytest.mark.parametrize("changes", [{}, {"encoder": "latent_speaker", "encoder_conf": {}}])
def test_conditions_from_stored_latents_are_those_of_whole_recordings(stored, changes):
    if changes:
        speaker = {"speaker_encoder": "resnet34"}
        changes |= speaker | {"speaker_encoder_conf": {"width": 2, "num_blocks": [1] * 4, "output_dim": 4}}
    folder = stored / "exp" / "tse_never"
    args = TSETask.parse(stored_options(stored, folder, crop_s=None, enrollment_s=None, **changes))
    manifests = manifests_of(args.tokenizers)
    dataset = TSETask.open_dataset(args, True, manifests)
    encoder = build_model(vars(args)).encoder.eval()
    examples = [dataset.example(1, index) for index in range(len(dataset))]
    batch = to_tse_batch(TSECollate({"latent": 50.0})(examples)[1], 16000)
    assert batch.mixture_streams and batch.enrollment_streams and len(examples) == 2 * len(LENGTHS)
    with torch.no_grad():
        found = encoder(batch)
        made = encoder(replace(batch, mixture_streams=Streams(), enrollment_streams=Streams()))
    for kind in ("streams", "vectors"):
        for name, value in getattr(made, kind).items():
            other = getattr(found, kind)[name]
            if kind == "streams":
                assert other.lengths.equal(value.lengths) and other.frame_rate == value.frame_rate
                value, other = value.values, other.values
            torch.testing.assert_close(other, value, atol=2e-3, rtol=2e-3)


def test_crops_take_the_same_span_of_mixture_and_target_and_another_of_the_enrollment(stored):
    args = TSETask.parse(stored_options(stored, stored / "exp" / "tse_never", enrollment_s=0.1))
    dataset = TSETask.open_dataset(args, True, manifests_of(args.tokenizers))
    latents = {key: np.load(path) for key, path in read_scp(stored / "stored_mixed" / "latent.scp").items()}
    drawn = set()
    for epoch in range(1, 9):
        index = epoch % 2
        example, key = dataset.example(epoch, index), dataset.keys[index]
        mixture = example["mixture_streams"]["latent"]
        [first] = [
            start
            for start in range(len(latents[key]))
            if np.array_equal(latents[f"{key}#mixture"][start : start + len(mixture)], mixture)
        ]
        assert len(mixture) == len(example["mixture"]) // 320 == 10
        assert np.array_equal(latents[key][first : first + 10], example["targets"]["latent"])
        whole = read_audio(read_scp(stored / "mixed" / "wav.scp")[key])[0]
        assert np.array_equal(whole[320 * first : 320 * first + 3200], example["mixture"])
        enrollment = example["enrollment_streams"]["latent"]
        assert len(enrollment) == 5 and len(example["enrollment"]) == 1600
        names = [
            name
            for name, whole in latents.items()
            for start in range(len(whole) - 4)
            if name.endswith("#enrollment") and np.array_equal(whole[start : start + 5], enrollment)
        ]
        [name] = names
        assert name.startswith("spk0-") and name != "spk0-0#enrollment"
        drawn.add((name, first))
    assert len(drawn) > 4


def test_a_system_learns_from_stored_latents_without_encoding(stored, monkeypatch):
    def encode(*_):
        raise AssertionError("encoded")

    monkeypatch.setattr(AbsLatentEncoder, "latents", encode)
    folder = stored / "exp" / "tse_stored"
    assert tse_train.main(stored_options(stored, folder)) == 0
    assert torch.load(folder / "valid.loss.ave.pth", weights_only=True)


def test_faults_of_stored_latents_are_told(stored, tmp_path, capsys):
    def fault(*more: str, **changes) -> str:
        with pytest.raises(SystemExit) as ended:
            sys.exit(tse_train.main([*stored_options(stored, tmp_path / "exp", **changes), *more]))
        assert ended.value.code
        return capsys.readouterr().err

    assert "lacks the codes of" in (err := fault(f"--train_tokens=latent={stored / 'latents_train'}"))
    assert "run stage 5 (token)" in err
    assert "mix_set --passes" in fault(f"--train_data_dir={stored / 'train'}")
    other = tmp_path / "other"
    shutil.copytree(stored / "stored_mixed", other)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps({**manifest, "sha256": "0" * 64, "fingerprint": "0"}))
    assert "codec" in fault(f"--train_tokens=latent={other}")
    assert "stored_passes is -1, want a whole number" in fault("--stored_passes=-1")
    assert "leave out mixing" in fault(mixing={"sir_db": [0, 0]})
    assert not (tmp_path / "exp" / "latest.pth").exists()

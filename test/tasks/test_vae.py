"""A VAE from training to latents on disk, and the system that learns from them, at the size of tests."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tse_system import write_signal

from espnet_tse import Extractor
from espnet_tse.bin import codec_train, encode_codes, resynthesize, tse_train
from espnet_tse.codec.load import load_codec
from espnet_tse.codec.time_frequency_vae import TimeFrequencyVAE
from espnet_tse.flow.latent_diffusion import LatentDiffusionDecode
from espnet_tse.io.audio import read_audio
from espnet_tse.io.scp import read_scp, write_scp
from espnet_tse.io.yaml_chain import read_chain
from espnet_tse.schema.manifest import read_manifest

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

"""SoloSpeech's released files: latents, waveforms, velocities and corrections as written down under the released names."""

import sys
import types

import pytest
import torch
from solospeech_reference import (
    HOP,
    VAE,
    Corrector,
    Extractor,
    corrector_shapes,
    extractor_shapes,
    random_weights,
    vae_shapes,
)
from tse_system import write_system

from espnet_tse.bin import import_system
from espnet_tse.codec.load import load_codec
from espnet_tse.schema import Frames, Request, Streams, TSEBatch
from espnet_tse.tasks.checkpoint import load_corrector, load_model


def call(system: str, checkpoint, folder, *more) -> int:
    words = [system, "--checkpoint", checkpoint, "--output_dir", folder, *more]
    return import_system.main([str(word) for word in words])


def noise(num_samples: int, seed: int) -> torch.Tensor:
    return 0.1 * torch.randn(1, num_samples, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Folder of compressor.ckpt and extractor.pt, and their weights."""
    folder = tmp_path_factory.mktemp("released")
    vae, extractor = random_weights(vae_shapes()), random_weights(extractor_shapes(), 1)
    state = {f"autoencoder.{name}": value for name, value in vae.items()}
    state |= {"autoencoder.encoder.stft.window": torch.ones(2), "discriminator.conv.weight": torch.ones(2)}
    torch.save({"state_dict": state, "epoch": 3}, folder / "compressor.ckpt")
    rates = {"model.mid_block.attn.rotary.inv_freq": torch.ones(4)}
    torch.save({"model": extractor | rates, "optimizer": {}}, folder / "extractor.pt")
    return folder, vae, extractor


@pytest.fixture(scope="module")
def vae_folder(released, tmp_path_factory):
    folder = tmp_path_factory.mktemp("imported") / "codec_vae"
    assert call("solospeech_vae", released[0] / "compressor.ckpt", folder) == 0
    return folder


# With and without samples behind the last whole hop.
@pytest.mark.parametrize("num_samples", [20 * HOP, 20 * HOP + 5])
def test_imported_vae_has_the_released_latents_and_waveforms(released, vae_folder, num_samples):
    theirs, vae = VAE(released[1]), load_codec(vae_folder)
    signal, other = noise(num_samples, 1), noise(9 * HOP, 2)
    lengths = torch.tensor([num_samples, 9 * HOP])
    rows = torch.cat([signal, torch.nn.functional.pad(other, (0, num_samples - 9 * HOP))])
    with torch.no_grad():
        frames = vae.encode(rows, lengths)["latent"]
        decoded = vae.decode(Streams(latent=frames))
        for row, wave in enumerate((signal, other)):
            latents = theirs.encode(wave)
            number = latents.size(2)
            assert frames.lengths[row] == number == wave.size(1) // HOP + 1
            torch.testing.assert_close(frames.values[row, :number].T, latents[0], atol=1e-5, rtol=1e-4)
            wanted = theirs.decode(latents)[0]
            torch.testing.assert_close(decoded[row, : len(wanted)], wanted, atol=1e-5, rtol=1e-4)
            assert not decoded[row, len(wanted) :].any()


def test_imported_extractor_gives_the_released_velocities(released, vae_folder, tmp_path, capsys):
    assert call("solospeech", released[0] / "extractor.pt", tmp_path / "tse_x", "--codec", vae_folder) == 0
    assert "CC-BY-NC-4.0: no commercial use" in capsys.readouterr().err
    model, theirs, vae = load_model(tmp_path / "tse_x"), Extractor(released[2]), VAE(released[1])
    mixture, enrollment = noise(20 * HOP, 1), noise(12 * HOP, 2)
    lengths = torch.tensor([20 * HOP])
    batch = TSEBatch(mixture, lengths, enrollment, torch.tensor([12 * HOP]), sample_rate=16000, keys=["a"])
    state = torch.randn(1, 21, 6, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        network = model.lm.network(model.conditions(batch))
        latents = [vae.encode(signal).transpose(1, 2) for signal in (mixture, enrollment)]
        for step in (0, 19, 979, 999):
            wanted = theirs.velocity(state, step, *latents)
            found = network(state, torch.tensor([float(step)]))
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
        estimate = model.estimate(batch, Request(lengths, ["a"], model.Decode(steps=2)))
    assert estimate.waveform.isfinite().all() and estimate.waveform.any()


class Settings:
    """A class of another package, as the settings in a checkpoint name one."""


Settings.__module__, Settings.__qualname__ = "geco.data_module", "Settings"


def write_corrector(path, monkeypatch, averages: dict, without_waves: bool = False):
    """As PyTorch Lightning writes it: weights of the last step, their averages in a list, and the settings."""
    module = types.ModuleType("geco.data_module")
    module.Settings = Settings
    monkeypatch.setitem(sys.modules, "geco", types.ModuleType("geco"))
    monkeypatch.setitem(sys.modules, "geco.data_module", module)
    shown = [value for name, value in averages.items() if not (without_waves and name.endswith(".0.W"))]
    last = {name: value if name.endswith(".0.W") else value + 1 for name, value in averages.items()}
    content = {"state_dict": {f"dnn.{name}": value for name, value in last.items()}}
    content |= {"ema": {"decay": 0.999, "shadow_params": shown}, "hyper_parameters": {"data": Settings}}
    torch.save(content, path)


@pytest.mark.parametrize("without_waves", [False, True])
def test_imported_corrector_gives_the_released_corrections(tmp_path, monkeypatch, without_waves):
    averages = random_weights(corrector_shapes())
    path = tmp_path / "corrector.ckpt"
    write_corrector(path, monkeypatch, averages, without_waves)
    system = write_system(tmp_path)
    assert call("solospeech_corrector", path, tmp_path / "tse_x", "--corrects", system) == 0
    corrector, theirs = load_corrector(tmp_path / "tse_x", "cpu").corrector, Corrector(averages)
    mixture, estimate = noise(4100, 1), noise(4100, 2)
    drawn = torch.randn(1, 64, 256, 2, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted = theirs.correct(mixture, estimate, torch.view_as_complex(drawn).transpose(1, 2) / 2**0.5)
        found = corrector.corrected(mixture, estimate, lambda shape: drawn.view(shape))
    peak = wanted.abs().max()  # the level is free, there as here
    torch.testing.assert_close(found / peak, wanted / peak, atol=1e-5, rtol=0)


def test_a_corrector_of_other_layers_or_without_averages_is_refused(tmp_path, monkeypatch, capsys):
    averages, system = random_weights(corrector_shapes()), write_system(tmp_path)
    averages["all_modules.3.gain"] = averages.pop("all_modules.4.Conv_0.bias")
    write_corrector(tmp_path / "corrector.ckpt", monkeypatch, averages)
    assert (
        call("solospeech_corrector", tmp_path / "corrector.ckpt", tmp_path / "tse_x", "--corrects", system)
        == 1
    )
    said = capsys.readouterr().err
    assert "missing all_modules.4.Conv_0.bias" in said and "unknown all_modules.3.gain" in said
    torch.save({"state_dict": averages}, tmp_path / "last.ckpt")
    assert call("solospeech_corrector", tmp_path / "last.ckpt", tmp_path / "tse_x", "--corrects", system) == 1
    assert "its moving averages (ema) are 0" in capsys.readouterr().err
    assert not (tmp_path / "tse_x").exists()


def test_missing_unknown_and_differently_shaped_weights_are_named(released, vae_folder, tmp_path, capsys):
    folder, vae, extractor = released
    torch.save({"state_dict": {**vae, "encoder.conv.1.weight": torch.ones(3)}}, tmp_path / "compressor.ckpt")
    assert call("solospeech_vae", tmp_path / "compressor.ckpt", tmp_path / "codec_x") == 1
    assert "encoder.conv.1.weight is (3,) and should be (4,)" in capsys.readouterr().err
    assert not (tmp_path / "codec_x").exists()
    state = dict(extractor)
    del state["model.mid_block.mlp.w2.bias"]
    torch.save({"model": {**state, "model.cls_embed.0.weight": torch.ones(2)}}, tmp_path / "extractor.pt")
    assert call("solospeech", tmp_path / "extractor.pt", tmp_path / "tse_x", "--codec", vae_folder) == 1
    said = capsys.readouterr().err
    assert "missing model.mid_block.mlp.w2.bias" in said and "unknown model.cls_embed.0.weight" in said


def test_files_taken_for_another_are_refused(released, vae_folder, tmp_path, capsys):
    folder = released[0]
    assert call("solospeech_vae", folder / "extractor.pt", tmp_path / "codec_x") == 1
    assert "no weights of SoloSpeech's VAE" in capsys.readouterr().err
    assert call("solospeech", folder / "compressor.ckpt", tmp_path / "tse_x", "--codec", vae_folder) == 1
    assert "no weights of SoloSpeech's extractor" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    assert call("solospeech_vae", folder / "compressor.ckpt", tmp_path / "full") == 1
    assert "holds something else already" in capsys.readouterr().err

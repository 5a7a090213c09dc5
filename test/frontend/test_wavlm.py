import json
import sys

import pytest
import torch
from factories import TableCodec
from tse_system import write_wavlm

from espnet_tse.frontend.wavlm import WavLM, WavLMConfig
from espnet_tse.schema import CodecSpec


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_wavlm(tmp_path_factory.mktemp("wavlm"))


def open_frontend(folder, layer=2, codec=None):
    return WavLM.from_config(WavLMConfig(model_dir=str(folder), layer=layer), codec)


@pytest.mark.parametrize("stable", [False, True])
def test_features_are_those_of_the_layer_of_the_whole_model(tmp_path, stable):
    from transformers import WavLMModel

    folder = write_wavlm(
        tmp_path, do_stable_layer_norm=stable, feat_extract_norm="layer" if stable else "group"
    )
    frontend = open_frontend(folder)
    signal = torch.randn(1, 6000, generator=torch.Generator().manual_seed(0))
    frames = frontend(signal, torch.tensor([6000]))
    with torch.no_grad():
        whole = WavLMModel.from_pretrained(folder).eval()(signal / signal.abs().max(), output_hidden_states=True)
    torch.testing.assert_close(frames.values, whole.hidden_states[2], atol=1e-5, rtol=1e-5)
    assert len(frontend.wavlm.encoder.layers) == 2 and frontend.frame_rate == frames.frame_rate == 50.0
    assert frontend.output_dim == frames.values.size(2) == 16


def test_a_row_is_the_same_alone_and_at_another_level(folder):
    frontend = open_frontend(folder)
    lengths = torch.tensor([6000, 3001, 10])
    waveform = torch.randn(3, 6000, generator=torch.Generator().manual_seed(0))
    frames = frontend(waveform, lengths)
    assert frames.lengths.tolist() == [18, 9, 1]  # 1 + (N - 400) // 320, and what is too short is padded
    for row, length in enumerate(lengths.tolist()):
        alone = frontend(3.0 * waveform[row : row + 1, :length], lengths[row : row + 1])
        count = alone.values.size(1)
        torch.testing.assert_close(frames.values[row, :count], alone.values[0], atol=1e-5, rtol=1e-5)
        assert not frames.values[row, count:].any()


def test_normalization_follows_the_folder(tmp_path):
    folder = write_wavlm(tmp_path)
    signal, lengths = torch.rand(1, 4000), torch.tensor([4000])
    plain = open_frontend(folder)(signal, lengths).values
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True}))
    normalized = open_frontend(folder)
    assert not torch.allclose(plain, normalized(signal, lengths).values, atol=1e-4)
    shifted = normalized.features(signal + 0.3)
    torch.testing.assert_close(shifted, normalized.features(signal), atol=1e-3, rtol=1e-3)


def test_it_is_frozen_and_in_no_checkpoint_but_for_its_identity(folder, tmp_path):
    frontend = open_frontend(folder).train()
    assert not any(module.training for module in frontend.wavlm.modules())
    assert not any(parameter.requires_grad for parameter in frontend.parameters())
    state = torch.nn.ModuleDict({"frontend": frontend}).state_dict()
    assert list(state) == ["frontend.identity"]
    same, other_layer = open_frontend(folder), open_frontend(folder, layer=1)
    torch.nn.ModuleDict({"frontend": same}).load_state_dict(state)
    with pytest.raises(RuntimeError, match="trained with another WavLM or layer"):
        torch.nn.ModuleDict({"frontend": other_layer}).load_state_dict(state)


def test_faults_say_what_is_wrong_and_how_to_mend_it(folder, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="model_dir is required"):
        WavLMConfig()
    with pytest.raises(ValueError, match="layer is 0"):
        WavLMConfig(model_dir="x", layer=0)
    with pytest.raises(ValueError, match="no config.json there; save a WavLM"):
        open_frontend(tmp_path / "nothing")
    with pytest.raises(ValueError, match="layer is 4 but .* has 3 layers"):
        open_frontend(folder, layer=4)
    with pytest.raises(ValueError, match="16000 Hz but the codec at 8000 Hz"):
        open_frontend(folder, codec=TableCodec(CodecSpec(8000, 320, 4, 32, 16)))
    for name, content, fault in (
        ("bert", {"model_type": "bert"}, "type 'bert', want wavlm"),
        ("empty", json.loads((folder / "config.json").read_text()), "weights cannot be read"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=fault):
            open_frontend(tmp_path / name)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r"pip install -e '.\[ssl\]'"):
        open_frontend(folder)


def test_weights_that_are_not_there_are_not_drawn_at_random(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = write_wavlm(tmp_path)
    weights = load_file(folder / "model.safetensors")
    lost = [name for name in weights if "layers.1." in name]
    save_file({name: value for name, value in weights.items() if name not in lost}, folder / "model.safetensors",
              metadata={"format": "pt"})
    with pytest.raises(ValueError, match=f"lack {len(lost)} tensors"):
        open_frontend(folder)


def test_the_mean_of_all_states_with_margins_has_a_frame_a_hop(folder):
    """UniSE's condition: 5 s give 250 frames."""
    from transformers import WavLMModel

    config = WavLMConfig(model_dir=str(folder), layer=3, average=True, margin=160)
    frontend = WavLM.from_config(config)
    signal = torch.randn(1, 80000, generator=torch.Generator().manual_seed(0))
    frames = frontend(signal, torch.tensor([80000]))
    padded = torch.nn.functional.pad(signal / signal.abs().max(), (160, 160))
    with torch.no_grad():
        states = WavLMModel.from_pretrained(folder).eval()(padded, output_hidden_states=True).hidden_states
    assert len(states) == 4
    torch.testing.assert_close(frames.values, torch.stack(states).mean(dim=0), atol=1e-5, rtol=1e-5)
    assert frames.values.shape == (1, 250, 16)
    for num_samples in (1, 319, 320, 321, 9999):
        count = frontend(signal[:, :num_samples], torch.tensor([num_samples])).lengths
        assert count.tolist() == [-(-num_samples // 320)]


def test_a_negative_margin_is_an_error():
    with pytest.raises(ValueError, match="margin is -1"):
        WavLMConfig(model_dir="x", margin=-1)

"""Units of self-supervised models in local folders."""

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence
from tse_system import write_wavlm

from espnet_tse.codec.load import load_codec, save_codec
from espnet_tse.codec.units import SSLUnits, SSLUnitsConfig
from espnet_tse.frontend.wavlm import SSL, WavLMConfig
from espnet_tse.io.scp import DataError

TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": [8] * 7,
}


def write_model(folder, kind):
    """A tiny random model of a kind, as transformers saves it."""
    import transformers

    if kind == "wavlm":
        return write_wavlm(folder)
    names = {"hubert": "Hubert", "wav2vec2": "Wav2Vec2"}
    torch.manual_seed(0)
    config = getattr(transformers, f"{names[kind]}Config")(**TINY)
    getattr(transformers, f"{names[kind]}Model")(config).save_pretrained(folder)
    return folder


def units_of(folder, **conf):
    return SSLUnits.from_config(SSLUnitsConfig(model_dir=str(folder), layer=2, num_units=6, **conf)).eval()


def noise(seconds, seed=0):
    return torch.randn(int(16000 * seconds), generator=torch.Generator().manual_seed(seed)) * 0.1


@pytest.mark.parametrize("kind", ["wavlm", "hubert", "wav2vec2"])
def test_units_have_a_frame_a_hop_and_rows_are_alone(tmp_path, kind):
    units = units_of(write_model(tmp_path, kind))
    units.fit(units.features(noise(2.0)[None])[0], seed=0)
    rows = [noise(0.4, 1), noise(0.61, 2), noise(0.01, 3)]
    lengths = torch.tensor([len(row) for row in rows])
    codes = units.tokenize(pad_sequence(rows, batch_first=True), lengths)["semantic"]
    assert codes.lengths.tolist() == [20, 31, 1]
    for row, (signal, length) in enumerate(zip(rows, codes.lengths.tolist())):
        alone = units.tokenize(2.0 * signal[None], torch.tensor([len(signal)]))["semantic"]
        assert torch.equal(alone.values[0], codes.values[row, :, :length])


def test_the_folder_holds_no_model_and_refuses_another(tmp_path):
    units = units_of(write_model(tmp_path / "hubert", "hubert"))
    units.fit(units.features(noise(2.0)[None])[0], seed=0)
    conf = {"model_dir": str(tmp_path / "hubert"), "layer": 2, "num_units": 6}
    save_codec(tmp_path / "units", units, {"codec": "ssl_units", "codec_conf": conf}, "none", {})
    assert (tmp_path / "units/model.pth").stat().st_size < 10_000
    signal = noise(0.5)[None]
    assert torch.equal(
        load_codec(tmp_path / "units").tokenize(signal, torch.tensor([8000]))["semantic"].values,
        units.tokenize(signal, torch.tensor([8000]))["semantic"].values,
    )
    write_wavlm(tmp_path / "hubert", initializer_range=0.5)
    with pytest.raises(
        DataError, match="the units were fitted to another model or layer than codec_conf names"
    ):
        load_codec(tmp_path / "units")


def test_faults(tmp_path):
    folder = write_model(tmp_path, "hubert")
    with pytest.raises(ValueError, match="hop_length is 160, but a frame of the model is 320 samples"):
        units_of(folder, hop_length=160)
    with pytest.raises(ValueError, match="sample_rate is 8000"):
        SSLUnitsConfig(model_dir="x", sample_rate=8000)
    with pytest.raises(ValueError, match="model_dir is required"):
        SSLUnitsConfig()
    with pytest.raises(ValueError, match="layer is 5 but .* has 3 layers"):
        SSLUnits.from_config(SSLUnitsConfig(model_dir=str(folder), layer=5))


@pytest.mark.parametrize("kind", ["hubert", "wav2vec2"])
def test_the_front_end_of_any_kind_gives_the_layer_of_the_whole_model(tmp_path, kind):
    import transformers

    folder = write_model(tmp_path, kind)
    frames = SSL.from_config(WavLMConfig(model_dir=str(folder), layer=2))(
        noise(0.5)[None], torch.tensor([8000])
    )
    whole = transformers.AutoModel.from_pretrained(folder).eval()
    signal = noise(0.5)[None]
    with torch.no_grad():
        hidden = whole(signal / signal.abs().max(), output_hidden_states=True).hidden_states[2]
    torch.testing.assert_close(frames.values, hidden, atol=1e-5, rtol=1e-5)

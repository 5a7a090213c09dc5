"""Identity of codecs: what is written, verified and refused."""

import json

import pytest
import torch
import yaml

from espnet_tse.codec.abs_identified import fixed_waveform
from espnet_tse.codec.load import load_codec, save_codec
from espnet_tse.codec.manifest import check_same_codec
from espnet_tse.codec.spectral_codec import SpectralCodec, SpectralCodecConfig
from espnet_tse.io.scp import DataError
from espnet_tse.schema.manifest import read_manifest


def make_codec(seed: int = 0) -> SpectralCodec:
    torch.manual_seed(seed)
    sizes = dict(
        n_fft=64, stft_hop=16, num_codebooks=2, codebook_size=8, embedding_dim=4, griffin_lim_iterations=1
    )
    return SpectralCodec(SpectralCodecConfig(encoder_channels=4, decoder_channels=4, **sizes))


@pytest.fixture
def folder(tmp_path):
    save_codec(tmp_path / "codec", make_codec(), {"codec": "spectral"}, "Apache-2.0", {"steps": 3})
    return tmp_path / "codec"


def test_a_saved_codec_opens_and_computes_the_same(folder):
    codec = load_codec(folder)
    assert not codec.training and not any(p.requires_grad for p in codec.parameters())
    waveform, lengths = torch.randn(1, 333), torch.tensor([333])
    assert torch.equal(
        codec.encode(waveform, lengths).values, make_codec().eval().encode(waveform, lengths).values
    )


def test_manifest_says_what_the_design_asks(folder):
    manifest = read_manifest(folder)
    assert manifest["spec"] == dict(
        sample_rate=16000, hop_length=16, num_codebooks=2, codebook_size=8, embedding_dim=4
    )
    assert (
        manifest["frame_rate"] == 1000
        and manifest["licence"] == "Apache-2.0"
        and manifest["training"] == {"steps": 3}
    )
    codec = make_codec()
    assert manifest["num_parameters"] == sum(p.numel() for p in codec.parameters()) + 2 * 8 * 4
    again = save_codec(folder.parent / "again", make_codec(), {"codec": "spectral"}, "MIT", {})
    assert again["sha256"] == manifest["sha256"] and again["fingerprint"] == manifest["fingerprint"]
    other = save_codec(folder.parent / "other", make_codec(1), {"codec": "spectral"}, "MIT", {})
    assert other["sha256"] != manifest["sha256"] and other["fingerprint"] != manifest["fingerprint"]


def test_fixed_waveform_is_fixed():
    waveform = fixed_waveform(16000)
    assert waveform.shape == (1, 16000)
    # Values computed once; another release of torch must give the same fingerprint.
    torch.testing.assert_close(
        waveform[0, [0, 1000, 15999]], torch.tensor([0.0009801, 0.0799205, -0.0410508]), atol=1e-6, rtol=0
    )


def test_codes_of_another_codec_are_refused(folder):
    save_codec(folder.parent / "other", make_codec(1), {"codec": "spectral"}, "MIT", {})
    ours, other = read_manifest(folder), read_manifest(folder.parent / "other")
    check_same_codec(ours, read_manifest(folder))
    with pytest.raises(DataError, match="codec mismatch") as caught:
        check_same_codec(other, ours)
    for manifest in (ours, other):
        assert manifest["path"] in str(caught.value) and manifest["sha256"][:12] in str(caught.value)


def test_exchanged_weights_are_refused(folder):
    torch.save(make_codec(1).state_dict(), folder / "model.pth")
    with pytest.raises(DataError, match="the file was changed or exchanged"):
        load_codec(folder)


def test_another_computation_is_refused(folder, monkeypatch):
    original = SpectralCodec.quantize
    monkeypatch.setattr(SpectralCodec, "quantize", lambda self, waveform: 7 - original(self, waveform))
    with pytest.raises(DataError, match="gives 0% of the fingerprint's codes"):
        load_codec(folder)


def change(path, **values):
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **values}))


def test_other_sizes_are_refused(folder):
    config = yaml.safe_load((folder / "config.yaml").read_text())
    change(folder / "config.yaml", codec_conf={**config["codec_conf"], "sample_rate": 8000})
    with pytest.raises(DataError, match="config.yaml builds"):
        load_codec(folder)
    change(folder / "config.yaml", codec_conf={**config["codec_conf"], "embedding_dim": 5})
    with pytest.raises(DataError, match="does not fit"):
        load_codec(folder)


def test_unknown_names_come_with_the_nearest_known_one(folder):
    change(folder / "config.yaml", codec_conf={"num_codebook": 2})
    with pytest.raises(DataError, match="unknown 'num_codebook' .did you mean 'num_codebooks'"):
        load_codec(folder)
    change(folder / "config.yaml", codec="spectra")
    with pytest.raises(DataError, match="did you mean 'spectral'"):
        load_codec(folder)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("manifest.json", None, "train or import a codec"),
        ("manifest.json", "{", "no JSON"),
        ("manifest.json", "{}", "lacks sha256, fingerprint, spec"),
        ("config.yaml", None, "a codec folder holds config.yaml"),
        ("config.yaml", "a: [", "not readable as YAML"),
        ("config.yaml", "codec: a\ncodec: b", "duplicate key 'codec'"),
        ("config.yaml", "a: 1", "names no codec"),
        ("model.pth", None, "train .codec_train. or import"),
        ("model.pth", "nothing", "does not fit"),
    ],
)
def test_broken_folders_are_refused(folder, name, content, message):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(DataError, match=message):
        load_codec(folder)


def test_manifest_is_strict_json(folder):
    json.loads((folder / "manifest.json").read_text(), parse_constant=lambda name: pytest.fail(name))

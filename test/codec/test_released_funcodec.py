"""The released FunCodec layout: the installed funcodec package and our import compute the same."""

import argparse

import pytest
import torch
import yaml
from torch import nn

from espnet_tse.bin import import_codec
from espnet_tse.codec.load import load_codec
from espnet_tse.codec.released_funcodec import import_funcodec, translate_config
from espnet_tse.io.scp import DataError
from espnet_tse.schema.manifest import read_manifest


class MelOnCpu(nn.Module):
    """Stands in for funcodec's mel loss, which allocates on a GPU at construction and is not used here."""

    def __init__(self, **kwargs):
        super().__init__()
        self.register_buffer("mel_basis", torch.zeros(1))
        self.register_buffer("window", torch.zeros(1))


def released_config(norm="time_group_norm", ratios=(4, 2), residual_layers=1, lstm=2) -> dict:
    sizes = dict(n_filters=4, n_residual_layers=residual_layers, ratios=list(ratios), norm=norm, causal=False)
    sizes |= dict(seq_model="lstm" if lstm else "none", seq_layer_num=lstm, dimension=16)
    return {
        "encoder": "encodec_seanet_encoder",
        "encoder_conf": {k: v for k, v in sizes.items()},
        "quantizer": "costume_quantizer",
        "quantizer_conf": dict(codebook_size=16, num_quantizers=3, ema_decay=0.99, kmeans_init=False,
                               sampling_rate=16000, quantize_dropout=True, rand_num_quant=[1, 3],
                               use_ddp=True, encoder_hop_length=torch.tensor(ratios).prod().item()),
        "decoder": "encodec_seanet_decoder",
        "decoder_conf": {k: v for k, v in sizes.items() if k != "dimension"},
        "discriminator": "multiple_disc",
        "discriminator_conf": dict(
            disc_conf_list=[dict(name="encodec_multi_scale_stft_discriminator", filters=2)]),
        "model": "encodec",
        "model_conf": dict(odim=16, target_sample_hz=16000, audio_normalize=True, segment_dur=None,
                           overlap_ratio=None),
    }  # fmt: skip


@pytest.fixture
def funcodec_model(monkeypatch):
    """Builds a randomly initialised model of the installed funcodec package."""
    import funcodec.models.codec_basic as codec_basic
    from funcodec.tasks.gan_speech_codec import GANSpeechCodecTask

    monkeypatch.setattr(codec_basic, "Audio2Mel", MelOnCpu)

    def build(config: dict):
        args = argparse.Namespace(**config, input_size=1, frontend=None, frontend_conf={}, stat_flops=False)
        torch.manual_seed(0)
        model = GANSpeechCodecTask.build_model(args).eval()
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:  # group norms start as identities, which would hide a swap
                nn.init.normal_(parameter, 0.5, 0.5)
        return model

    return build


@pytest.fixture
def released(tmp_path, funcodec_model):
    """(folder, model) of a released layout with random weights."""

    def make(**changes):
        config = released_config(**changes)
        model = funcodec_model({k: dict(v) if isinstance(v, dict) else v for k, v in config.items()})
        folder = tmp_path / "released"
        folder.mkdir()
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        torch.save(model.state_dict(), folder / "model.pth")
        return folder, model

    return make


LAYOUTS = [
    dict(),
    dict(ratios=(8, 5, 4, 2, 2)),
    dict(norm="weight_norm", residual_layers=3, lstm=0),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=["small", "ds640", "weight_norm"])
def test_codes_and_audio_equal_funcodec(released, layout):
    folder, model = released(**layout)
    codec, _ = import_funcodec(folder)
    hop = codec.spec.hop_length
    for num_samples in (5 * hop, 5 * hop + 3):
        waveform = torch.randn(2, num_samples) * 0.05
        lengths = torch.full((2,), num_samples)
        with torch.no_grad():
            theirs = model.inference_encoding(waveform)
            scaled = model.inference_decoding(theirs["code_indices"][0].permute(1, 2, 0))
            ours, scale = codec.encode_with_scale(waveform, lengths)
        assert torch.equal(ours.values.transpose(0, 1), theirs["code_indices"][0])
        torch.testing.assert_close(codec.decode_codes(ours), scaled["recon_speech"][:, 0], atol=1e-5, rtol=0)
        torch.testing.assert_close(scale, waveform.square().mean(1).sqrt())


def test_command_line_writes_a_codec_folder(released, tmp_path, capsys):
    folder, _ = released()
    assert import_codec.main(["--source_dir", str(folder), "--output_dir", str(tmp_path / "codec")]) == 0
    manifest = read_manifest(tmp_path / "codec")
    assert manifest["licence"] == "MIT" and manifest["spec"]["hop_length"] == 8
    codec, _ = import_funcodec(folder)
    waveform, lengths = torch.randn(1, 100), torch.tensor([100])
    opened = load_codec(tmp_path / "codec")
    assert torch.equal(opened.encode(waveform, lengths).values, codec.encode(waveform, lengths).values)
    assert import_codec.main(["--source_dir", str(tmp_path), "--output_dir", str(tmp_path / "x")]) == 1
    assert "config.yaml: no such file" in capsys.readouterr().err


def test_every_misfit_is_listed(released):
    folder, model = released()
    state = model.state_dict()
    del state["encoder.model.0.conv.conv.bias"]
    state["decoder.extra"] = torch.zeros(1)
    state["quantizer.rq.model.embed"] = torch.zeros(2, 16, 16)
    torch.save(state, folder / "model.pth")
    with pytest.raises(DataError) as caught:
        import_funcodec(folder)
    for words in ("missing encoder.model.0.conv.conv.bias", "unexpected decoder.extra", "(2, 16, 16)"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    "block, change",
    [
        ("encoder_conf", dict(seq_model="transformer")),
        ("quantizer_conf", dict(codec_dim=8)),
        ("model_conf", dict(segment_dur=1.0)),
        ("decoder_conf", dict(norm="weight_norm")),
    ],
)
def test_other_kinds_of_model_are_refused(tmp_path, block, change):
    config = released_config()
    config[block] |= change
    with pytest.raises(DataError, match=f"not supported: {block}: {next(iter(change))}"):
        translate_config(config, tmp_path / "config.yaml")


def test_unreadable_files_are_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(DataError, match="not readable as YAML"):
        import_funcodec(tmp_path)
    (tmp_path / "config.yaml").write_text("a: 1")
    with pytest.raises(DataError, match="no configuration of a FunCodec model"):
        import_funcodec(tmp_path)
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump({"encoder_conf": {"n_filters": 4}, "quantizer_conf": {}})
    )
    with pytest.raises(DataError, match="model.pth: no such file"):
        import_funcodec(tmp_path)
    (tmp_path / "model.pth").write_bytes(b"no weights")
    with pytest.raises(DataError, match="not readable as weights"):
        import_funcodec(tmp_path)
    torch.save({"a": 1}, tmp_path / "model.pth")
    with pytest.raises(DataError, match="no state dict of tensors"):
        import_funcodec(tmp_path)

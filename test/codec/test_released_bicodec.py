"""The released BiCodec layout: tokens and samples are those of the layout written down tensor by tensor."""

import pytest
import torch
import yaml
from bicodec_reference import (
    PAPER,
    Reference,
    file_size,
    random_weights,
    shapes,
    tiny,
    write_released,
    write_xlsr,
)
from safetensors.torch import load_file, save_file

from espnet_tse.bin import import_codec
from espnet_tse.codec.load import load_codec
from espnet_tse.codec.released_bicodec import import_bicodec, translate_config
from espnet_tse.codec.volume import normalize_volume
from espnet_tse.io.scp import DataError
from espnet_tse.schema import TSEBatch
from espnet_tse.schema.manifest import read_manifest
from espnet_tse.tasks.build import build_model

WEIGHTS = "BiCodec/model.safetensors"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    return write_released(tmp_path_factory.mktemp("bicodec") / "Spark-TTS")


def signal(num_samples: int, seed: int = 0) -> torch.Tensor:
    """(1, N) noise that comes and goes."""
    noise = torch.randn(1, num_samples, generator=torch.Generator().manual_seed(seed))
    return 0.3 * noise * torch.linspace(0, 20, num_samples).sin()


def features_by_hand(released, waveform):
    """What the released tokenizer makes of a recording: all layers run, three of them are averaged."""
    import transformers

    folder = released / "wav2vec2-large-xlsr-53"
    extract = transformers.Wav2Vec2FeatureExtractor.from_pretrained(folder)
    values = extract(waveform[0].numpy(), sampling_rate=16000, return_tensors="pt").input_values
    model = transformers.Wav2Vec2Model.from_pretrained(folder).eval()
    with torch.no_grad():
        # Whole hops and what the last frame's window wants beyond them.
        padded = torch.nn.functional.pad(values, (0, -values.size(1) % 320 + 80))
        states = model(padded, output_hidden_states=True).hidden_states
    return (states[11] + states[14] + states[16]) / 3


def mel_by_hand(waveform):
    """torchaudio's bands of the first half second, repeated where there is less."""
    import torchaudio

    clip = waveform.repeat(1, 1 + 8000 // waveform.size(1))[:, :8000]
    transform = torchaudio.transforms.MelSpectrogram(
        16000, 1024, 640, 320, 10, None, n_mels=12, power=1, norm="slaney", mel_scale="slaney"
    )
    return transform(clip).transpose(1, 2)


@pytest.mark.parametrize("num_samples", [2240, 8000, 12345])
def test_tokens_and_samples_are_those_of_the_layout(released, num_samples):
    codec, _ = import_bicodec(released)
    reference = Reference(load_file(released / WEIGHTS), tiny())
    waveform = signal(num_samples)
    streams = codec.tokenize(waveform, torch.tensor([num_samples]))
    level = normalize_volume(waveform[0])[None]
    features = features_by_hand(released, level)
    torch.testing.assert_close(codec.features(level), features, atol=1e-4, rtol=1e-4)
    semantic = reference.semantic(features)
    voice = reference.tokens_of_voice(mel_by_hand(level))
    assert len(semantic) == -(-num_samples // 320) and len(semantic.unique()) > 2
    assert torch.equal(streams["semantic"].values[0, 0], semantic)
    assert torch.equal(streams["global"].values[0, 0], voice)
    expected = reference.waveform(semantic, voice)
    assert len(expected) == 320 * len(semantic) and 0.01 < expected.std() < 0.5
    torch.testing.assert_close(codec.detokenize(streams)[0], expected, atol=1e-6, rtol=1e-5)


def test_the_command_line_writes_a_codec_folder(released, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(released.parent)
    output = tmp_path / "codec"
    assert import_codec.main(["--source_dir", released.name, "--output_dir", str(output)]) == 0
    manifest = read_manifest(output)
    assert manifest["codec"] == "bicodec" and manifest["licence"] == "CC-BY-NC-SA-4.0"
    assert (
        manifest["streams"]["semantic"]["hop_length"] == 320
        and manifest["streams"]["global"]["num_tokens"] == 5
    )
    conf = yaml.safe_load((output / "config.yaml").read_text())["codec_conf"]
    assert conf["model_dir"] == str(released / "wav2vec2-large-xlsr-53") and conf["voice_s"] == 0.5
    assert not [
        name for name in torch.load(output / "model.pth", weights_only=True) if name.startswith("model.")
    ]
    codec, _ = import_bicodec(released / "BiCodec")  # the inner folder does as well
    monkeypatch.chdir(tmp_path)
    waveform, lengths = signal(4000), torch.tensor([4000])
    opened, direct = load_codec(output).tokenize(waveform, lengths), codec.tokenize(waveform, lengths)
    assert all(torch.equal(opened[name].values, direct[name].values) for name in direct)
    arguments = ["--source_dir", str(tmp_path), "--output_dir", str(tmp_path / "x")]
    assert import_codec.main(arguments) == 1 and "no such file" in capsys.readouterr().err


def test_unise_works_with_its_tokens(released, tmp_path):
    output = tmp_path / "codec"
    assert import_codec.main(["--source_dir", str(released), "--output_dir", str(output)]) == 0
    conf = dict(model="unise", encoder="adapter", frontend="log_mel", frontend_conf={"hop_length": 320})
    sizes = dict(num_layers=1, width=16, num_heads=2, feedforward=32)
    conf |= dict(lm="task_lm", lm_conf=sizes, vocoder="codec_decoder", tokenizers={"acoustic": str(output)})
    model = build_model(conf).eval()
    assert not [name for name in model.state_dict() if "ecapa" in name]
    batch = TSEBatch(
        signal(8000), torch.tensor([8000]), signal(6400, 1), torch.tensor([6400]), sample_rate=16000
    )
    batch.targets = model.vocoder.codec.tokenize(signal(8000, 2), torch.tensor([8000]))
    assert model.loss(batch)[0].isfinite()
    waveform = model.extract(batch).waveform
    assert waveform.shape == (1, 8000) and waveform.isfinite().all() and waveform.any()


def test_the_layout_at_its_published_size_has_the_size_of_the_published_file():
    # SparkAudio/Spark-TTS-0.5B, revision 642071559bfc: names, shapes and the order of a safetensors header fit to a byte.
    found = shapes(PAPER)
    assert len(found) == 840 and file_size(found) == 625_518_756


def test_every_misfit_is_listed(tmp_path):
    weights = random_weights(shapes(tiny(), 16, 24))
    del weights["encoder.encoder.embed.bias"]
    weights["prenet.extra"] = torch.zeros(1)
    weights["decoder.model.0.weight_g"] = torch.zeros(3, 1, 1)
    root = write_released(tmp_path / "a", weights=weights)
    with pytest.raises(DataError) as caught:
        import_bicodec(root)
    for words in (
        "missing encoder.encoder.embed.bias",
        "unexpected prenet.extra",
        "decoder.model.0.weight_g is (3,",
    ):
        assert words in str(caught.value)
    assert str(caught.value).count(";") == 2  # and nothing else


def test_what_only_training_needs_may_be_there_or_not(tmp_path, released):
    weights = load_file(released / WEIGHTS)
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("postnet.")}
    del kept["quantizer.cluster_size"]
    kept["mel_transformer.mel_scale.fb"] = torch.zeros(513, 12)
    codec, _ = import_bicodec(write_released(tmp_path / "a", weights=kept))
    other, _ = import_bicodec(released)
    assert len(kept) < len(weights)
    assert all(
        torch.equal(one, two) for one, two in zip(codec.state_dict().values(), other.state_dict().values())
    )


@pytest.mark.parametrize(
    "block, change, fault",
    [
        ("encoder", dict(sample_ratios=[2, 2]), r"encoder: sample_ratios: \[2, 2\]"),
        ("prenet", dict(use_tanh_at_final=True), "prenet: use_tanh_at_final: True"),
        ("prenet", dict(vocos_dim=7), "prenet: vocos_dim is 7 and should be 8"),
        ("speaker_encoder", dict(fsq_levels=[4, 5]), r"speaker_encoder: fsq_levels: \[4, 5\]"),
        ("speaker_encoder", dict(fsq_levels=4), "speaker_encoder: fsq_levels: 4"),
        ("speaker_encoder", dict(fsq_num_quantizers=2), "fsq_num_quantizers: 2"),
        ("mel_params", dict(mel_fmax=7000), "mel_params: mel_fmax: 7000"),
        ("mel_params", dict(sample_rate=24000), "mel_params: sample_rate is 24000 and should be 16000"),
        ("quantizer", dict(projection="conv"), "quantizer: projection: conv"),
    ],
)
def test_other_kinds_of_model_are_refused(tmp_path, block, change, fault):
    conf = tiny()
    conf[block] |= change
    with pytest.raises(DataError, match=f"not supported: .*{fault}"):
        translate_config(conf, tmp_path / "config.yaml")


def test_faults_of_the_files(tmp_path):
    root = write_released(tmp_path / "a")
    config, weights, ssl = root / "BiCodec/config.yaml", root / WEIGHTS, root / "wav2vec2-large-xlsr-53"
    ssl.rename(root / "elsewhere")
    with pytest.raises(DataError, match="wav2vec2-large-xlsr-53: no such folder"):
        import_bicodec(root)
    ssl.mkdir()
    with pytest.raises(DataError, match="no config.json there; save a wav2vec 2.0 into it, .*large-xlsr-53"):
        import_bicodec(root)
    ssl.rmdir()
    (root / "elsewhere").rename(ssl)
    use = root / "config.yaml"
    before = use.read_text() if use.is_file() else ""
    for value in ("six", "null"):
        use.write_text(f"ref_segment_duration: {value}\n")
        with pytest.raises(DataError, match="ref_segment_duration: .*want a number of seconds"):
            import_bicodec(root)
    use.write_text(before) if before else use.unlink()
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    with pytest.raises(DataError, match="not readable as safetensors"):
        import_bicodec(root)
    weights.unlink()
    with pytest.raises(DataError, match="model.safetensors: no such file"):
        import_bicodec(root)
    config.write_text("audio_tokenizer: {encoder: {}}")
    with pytest.raises(DataError, match="audio_tokenizer has no mel_params, quantizer"):
        import_bicodec(root)
    config.unlink()
    with pytest.raises(DataError, match="config.yaml: no such file"):
        import_bicodec(root)


def test_another_wav2vec_of_the_same_size_is_refused(released, tmp_path):
    root = write_released(tmp_path / "a")
    assert import_codec.main(["--source_dir", str(root), "--output_dir", str(tmp_path / "codec")]) == 0
    write_xlsr(root / "wav2vec2-large-xlsr-53", seed=1)
    with pytest.raises(DataError, match="made with another wav2vec 2.0"):
        load_codec(tmp_path / "codec")


def test_a_wav2vec_of_another_width_is_a_misfit(tmp_path):
    root = write_released(tmp_path / "a")
    write_xlsr(root / "wav2vec2-large-xlsr-53", hidden_size=32)
    with pytest.raises(
        DataError, match=r"encoder.encoder.embed.weight is \(8, 16, 7\) and should be \(8, 32, 7\)"
    ):
        import_bicodec(root)
    weights = load_file(root / WEIGHTS)
    save_file({**weights, "encoder.encoder.embed.weight": torch.zeros(8, 32, 7)}, root / WEIGHTS)
    import_bicodec(root)

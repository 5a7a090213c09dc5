"""Tokenizers of several streams, and autoencoders: folders, identity, stored codes, batches."""

import json

import numpy as np
import pytest
import torch
from tiny_tokenizers import LinearAutoencoder, LinearAutoencoderConfig, VoiceAndUnits, VoiceAndUnitsConfig

from espnet_tse.bin import encode_codes, validate
from espnet_tse.codec.load import codec_choices, load_codec, save_codec
from espnet_tse.codec.manifest import describe
from espnet_tse.data.collate import TSECollate
from espnet_tse.data.token_store import TokenStores
from espnet_tse.io.audio import write_audio
from espnet_tse.io.scp import DataError, read_scp, write_scp
from espnet_tse.models.espnet_batch import to_tse_batch
from espnet_tse.schema.manifest import read_manifest, streams_in
from espnet_tse.schema.stream_spec import CodesSpec, FramesSpec, specs_from_json, specs_to_json

KINDS = {"voice_and_units": VoiceAndUnits, "linear": LinearAutoencoder}


@pytest.fixture(autouse=True)
def known(monkeypatch):
    for name, cls in KINDS.items():
        monkeypatch.setitem(codec_choices.classes, name, cls)


def save(folder, module, name, seed=0):
    torch.manual_seed(seed)
    made = module()
    save_codec(folder, made, {"codec": name}, "Apache-2.0", {})
    return made


def units(**sizes):
    return VoiceAndUnits(VoiceAndUnitsConfig(**sizes))


def autoencoder():
    return LinearAutoencoder(LinearAutoencoderConfig())


@pytest.fixture
def work(tmp_path):
    save(tmp_path / "codec", units, "voice_and_units")
    rng, paths = np.random.default_rng(0), {}
    for name, length in (("a", 3200), ("b", 1000), ("c", 320)):
        write_audio(tmp_path / f"{name}.wav", (0.1 * rng.standard_normal(length)).astype("f4"), 16000)
        paths[name] = tmp_path / f"{name}.wav"
    write_scp(tmp_path / "spk1.scp", paths)
    return tmp_path


def tokenize(work, codec="codec", *more):
    words = ["--codec", work / codec, "--scp", work / "spk1.scp", "--output_dir", work / "codes", *more]
    return encode_codes.main([str(word) for word in words])


def test_global_and_frame_codes_travel_from_files_to_a_batch(work):
    for part in ("1/2", "2/2"):
        assert tokenize(work, "codec", "--shard", part) == 0
    assert tokenize(work, "codec", "--merge", "2") == 0
    specs = streams_in(read_manifest(work / "codes"))
    assert specs["global"].num_tokens == 4 and specs["semantic"].hop_length == 320
    stores = TokenStores.open(
        {name: (work / "codes" / f"{name}.scp", spec) for name, spec in specs.items()}, ["a", "b"]
    )
    silence = np.zeros(8, dtype=np.float32)
    sound = {"mixture": silence, "enrollment": silence, "target": silence}
    examples = [
        {"key": "a", **sound, "targets": stores.load("a", 3200)},
        {"key": "b", **sound, "targets": stores.load("b", 1000)},
    ]
    keys, tensors = TSECollate({"global": None, "semantic": 50.0})(examples)
    targets = to_tse_batch({**tensors, "utt_id": keys}, 16000).targets
    codec = load_codec(work / "codec")
    audio = torch.nn.utils.rnn.pad_sequence(
        [torch.from_numpy(read(work, key)) for key in "ab"], batch_first=True
    )
    wanted = codec.tokenize(audio, torch.tensor([3200, 1000]))
    for name in ("global", "semantic"):
        assert torch.equal(targets[name].values, wanted[name].values)
        assert targets[name].lengths.tolist() == wanted[name].lengths.tolist()
        assert targets[name].frame_rate == wanted[name].frame_rate


def read(work, key):
    from espnet_tse.io.audio import read_audio

    return read_audio(read_scp(work / "spk1.scp")[key])[0]


def test_a_lost_file_of_any_stream_is_written_again(work):
    assert tokenize(work, "codec", "--shard", "1/1") == 0
    for name in ("global", "semantic"):
        path = work / "codes" / "1" / name / "b.npy"
        before = path.read_bytes()
        path.unlink()
        assert tokenize(work, "codec", "--shard", "1/1") == 0
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    "change, message",
    [
        ({"format_version": 3}, "format 3 is of a later version"),
        ({"format_version": "x"}, 'manifest.json: format_version is "x", want a whole number'),
        ({"sha256": 5}, "manifest.json: sha256 is 5, want text"),
        ({"fingerprint": None}, "manifest.json: fingerprint is null, want text"),
        ({"sample_rate": "16000"}, 'sample_rate is "16000", want a whole number'),
        ({"streams": []}, r"manifest.json: streams is \[\], want sizes by name"),
        ({"streams": {"global": 4}}, "streams: global is 4, want sizes by name"),
        (
            {"streams": {"global": {"num_codebooks": "1"}}},
            'streams: global: num_codebooks is "1", want a whole number',
        ),
        ({"format_version": 1, "spec": []}, r"manifest.json: spec is \[\], want sizes by name"),
        (
            {"format_version": 1, "spec": {"sample_rate": 16000.5}},
            "spec: sample_rate is 16000.5, want a whole number",
        ),
        ({"fingerprint_codes": None}, "its fingerprint cannot be compared"),
        ([1], "holds a list, want an object"),
    ],
)
def test_manifests_that_are_none(work, change, message):
    path = work / "codec" / "manifest.json"
    content = {**json.loads(path.read_text()), **change} if isinstance(change, dict) else change
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        load_codec(work / "codec")


def test_codes_of_a_large_vocabulary_are_stored_whole(work):
    torch.manual_seed(1)
    large = units(num_units=40000)
    save_codec(work / "large", large, {"codec": "voice_and_units"}, "none", {})
    assert tokenize(work, "large") == 0
    stored = np.concatenate([np.load(path) for path in read_scp(work / "codes" / "semantic.scp").values()])
    assert stored.dtype == np.int32 and stored.max() > 32767 and stored.min() >= 0
    assert np.load(read_scp(work / "codes" / "global.scp")["a"]).dtype == np.int16


def test_another_tokenizer_is_refused_for_each_kind(work, capsys):
    assert tokenize(work) == 0
    save(work / "other", units, "voice_and_units", seed=1)
    assert tokenize(work, "other") == 1
    error = capsys.readouterr().err
    assert "codec mismatch" in error and "global 1x16, 4 tokens, semantic 1x50, hop 320" in error
    save(work / "vae", autoencoder, "linear")
    assert "latent 12 wide, hop 320" in describe(read_manifest(work / "vae"))


def test_the_validator_knows_all_streams(work, capsys):
    assert tokenize(work) == 0
    (work / "data").mkdir()
    for name in ("wav", "spk1"):
        write_scp(work / "data" / f"{name}.scp", read_scp(work / "spk1.scp"))
    (work / "data" / "mixing.yaml").write_text("sir_db: [-5, 5]\n")
    write_scp(work / "data" / "utt2spk", {key: key for key in "abc"})
    write_scp(work / "data" / "spk2utt", {key: key for key in "abc"})
    np.save(read_scp(work / "codes" / "global.scp")["b"], np.zeros((3, 1), np.int16))
    np.save(read_scp(work / "codes" / "semantic.scp")["c"], np.full((1, 1), 50, np.int16))
    assert validate.main([str(work / "data"), "--codes", str(work / "codes")]) == 1
    printed = capsys.readouterr().out
    assert "b: int16 (3, 1), expected integers (4, 1)" in printed and "c: ids from 50 to 50" in printed


def test_latents_are_stored_and_the_fingerprint_has_a_tolerance(work, monkeypatch):
    saved = save(work / "vae", autoencoder, "linear")
    assert tokenize(work, "vae") == 0
    stored = np.load(read_scp(work / "codes" / "latent.scp")["b"])
    assert stored.dtype == np.float32 and stored.shape == (4, 12)
    opened = load_codec(work / "vae")
    wave = torch.randn(1, 640)
    latent = opened.encode(wave, torch.tensor([640]))
    torch.testing.assert_close(
        latent["latent"].values, saved.encode(wave, torch.tensor([640]))["latent"].values
    )
    again = opened.encode(opened.decode(latent), torch.tensor([640]))
    torch.testing.assert_close(again["latent"].values, latent["latent"].values, atol=1e-4, rtol=1e-3)
    original = LinearAutoencoder.encode

    def scaled(factor):
        def encode(self, waveform, lengths):
            streams = original(self, waveform, lengths)
            streams["latent"].values *= factor
            return streams

        return encode

    monkeypatch.setattr(LinearAutoencoder, "encode", scaled(1.0001))  # as another processor may round
    load_codec(work / "vae")
    monkeypatch.setattr(LinearAutoencoder, "encode", scaled(1.1))
    with pytest.raises(DataError, match="deviates from the fingerprint by"):
        load_codec(work / "vae")


def test_small_latents_agree_with_their_own_fingerprint(monkeypatch):
    original = LinearAutoencoder.encode

    def small(self, waveform, lengths):
        streams = original(self, waveform, lengths)
        streams["latent"].values *= 1e-5
        return streams

    monkeypatch.setattr(LinearAutoencoder, "encode", small)
    autoencoder = LinearAutoencoder(LinearAutoencoderConfig())
    assert autoencoder.disagreement(autoencoder.fingerprint()) is None


def test_manifests_of_the_first_format_still_open(work):
    from factories import TableCodec
    from tse_system import write_codec

    folder = write_codec(work / "spectral")
    manifest = json.loads((folder / "manifest.json").read_text())
    older = {key: value for key, value in manifest.items() if key not in ("streams", "sample_rate")}
    (folder / "manifest.json").write_text(json.dumps({**older, "format_version": 1}))
    assert streams_in(read_manifest(folder)) == load_codec(folder).streams
    assert TableCodec().streams == {"acoustic": CodesSpec(num_codebooks=4, codebook_size=32, hop_length=640)}


def test_sizes_survive_json_and_bad_ones_are_refused():
    specs = {
        "a": CodesSpec(1, 40000, hop_length=320),
        "b": CodesSpec(1, 9, num_tokens=32),
        "c": FramesSpec(3, 160),
    }
    assert specs_from_json(json.loads(json.dumps(specs_to_json(specs)))) == specs
    assert [spec.stored_type for spec in specs.values()] == ["int32", "int16", "float32"]
    assert [spec.num_frames(1000) for spec in specs.values()] == [4, 32, 7]
    for wrong in ({"hop_length": 5, "num_tokens": 3}, {}):
        with pytest.raises(ValueError, match="either hop_length or num_tokens"):
            CodesSpec(1, 9, **wrong)

"""encode_codes and resynthesize: shards, restarts, identity."""

import numpy as np
import pytest
import torch

from espnet_tse.bin import encode_codes, resynthesize
from espnet_tse.codec.load import load_codec, save_codec
from espnet_tse.codec.spectral_codec import SpectralCodec, SpectralCodecConfig
from espnet_tse.io.audio import read_audio, write_audio
from espnet_tse.io.scp import read_scp, write_scp
from espnet_tse.schema.manifest import read_manifest


def make_codec(folder, seed: int = 0):
    torch.manual_seed(seed)
    channels = dict(encoder_channels=8, decoder_channels=8, encoder_blocks=1, decoder_blocks=1)
    sizes = dict(num_codebooks=2, codebook_size=8, embedding_dim=4, griffin_lim_iterations=2)
    codec = SpectralCodec(SpectralCodecConfig(n_fft=256, stft_hop=64, **channels, **sizes))
    codec.fit_statistics(torch.randn(2, 3200))
    save_codec(folder, codec, {"codec": "spectral"}, "Apache-2.0", {})
    return folder


@pytest.fixture
def work(tmp_path):
    make_codec(tmp_path / "codec")
    rng, paths = np.random.default_rng(0), {}
    for i, length in enumerate((1600, 999, 1600, 2000, 64)):
        write_audio(tmp_path / f"u{i}.wav", (0.1 * rng.standard_normal(length)).astype("f4"), 16000)
        paths[f"u{i}"] = tmp_path / f"u{i}.wav"
    write_scp(tmp_path / "spk1.scp", paths)
    return tmp_path


def call(program, work, out, *more, codec="codec"):
    words = ["--codec", work / codec, "--scp", work / "spk1.scp", "--output_dir", work / out, *more]
    return program.main([str(word) for word in words])


def test_shards_give_the_codes_of_each_row_alone(work):
    assert call(encode_codes, work, "codes", "--shard", "1/2") == 0
    assert call(encode_codes, work, "codes", "--shard", "2/2", "--batch_size", "2") == 0
    assert call(encode_codes, work, "codes", "--merge", "2") == 0
    codec, found = load_codec(work / "codec"), read_scp(work / "codes" / "acoustic.scp")
    assert list(found) == ["u0", "u1", "u2", "u3", "u4"]
    for key, path in read_scp(work / "spk1.scp").items():
        codes = np.load(found[key])
        waveform = torch.from_numpy(read_audio(path)[0])[None]
        expected = codec.encode(waveform, torch.tensor([waveform.size(1)])).values[0].T
        assert codes.dtype == np.int16 and codes.shape == (-(-waveform.size(1) // 64), 2)
        assert np.array_equal(codes, expected.numpy())
    assert read_manifest(work / "codes")["sha256"] == read_manifest(work / "codec")["sha256"]
    assert "path" not in (work / "codes" / "manifest.json").read_text()


def test_keys_of_a_codec_that_nobody_reads_are_told(work, caplog):
    path = work / "codec" / "config.yaml"
    path.write_text(path.read_text() + "max_step: 3\nlr: 0.1\n")
    assert call(encode_codes, work, "codes") == 0
    assert f"{path}: nothing reads 'max_step' (did you mean 'max_steps'?); fix the name" in caplog.text
    assert "'lr'" not in caplog.text


def test_a_restart_keeps_what_is_there(work):
    assert call(encode_codes, work, "codes") == 0
    kept, redone = work / "codes" / "acoustic" / "u1.npy", work / "codes" / "acoustic" / "u3.npy"
    before = kept.stat().st_mtime_ns
    redone.unlink()
    assert call(encode_codes, work, "codes") == 0
    assert kept.stat().st_mtime_ns == before and redone.is_file()


def test_what_is_left_is_encoded_in_the_batches_of_a_whole_run(work, monkeypatch):
    batches = []
    encode = SpectralCodec.encode

    def spy(codec, waveforms, lengths):
        batches.append(lengths.tolist())
        return encode(codec, waveforms, lengths)

    monkeypatch.setattr(SpectralCodec, "encode", spy)
    assert call(encode_codes, work, "codes", "--batch_size", "2") == 0
    assert batches[1:] == [[64, 999], [1600, 1600], [2000]]  # the first is the fingerprint of the codec
    before = {path.name: path.stat().st_mtime_ns for path in (work / "codes" / "acoustic").glob("*.npy")}
    (work / "codes" / "acoustic" / "u2.npy").unlink()
    batches.clear()
    assert call(encode_codes, work, "codes", "--batch_size", "2") == 0
    assert batches[1:] == [[1600, 1600]]
    after = {path.name: path.stat().st_mtime_ns for path in (work / "codes" / "acoustic").glob("*.npy")}
    assert {name for name in after if after[name] != before[name]} == {"u2.npy"}


def test_codes_of_another_codec_are_not_mixed_in(work, capsys):
    make_codec(work / "other", seed=1)
    assert call(encode_codes, work, "codes") == 0
    assert call(encode_codes, work, "codes", codec="other") == 1
    assert "codec mismatch" in capsys.readouterr().err


def test_a_resynthesis_is_of_one_decoder(work, capsys):
    """Codes may go on with another decoder of their codec, waveforms may not."""
    first = load_codec(work / "codec")
    torch.nn.init.normal_(next(first.decoder.parameters()), std=0.1)
    kept = {"codes_sha256": read_manifest(work / "codec")["sha256"]}
    save_codec(work / "louder", first, {"codec": "spectral"}, "Apache-2.0", kept)
    assert call(encode_codes, work, "codes") == call(encode_codes, work, "codes", codec="louder") == 0
    assert call(resynthesize, work, "heard") == 0
    manifest = (work / "heard" / "manifest.json").read_text()
    assert call(resynthesize, work, "heard", codec="louder") == 1
    assert "decoder mismatch" in capsys.readouterr().err
    assert (work / "heard" / "manifest.json").read_text() == manifest


def test_merging_names_what_is_missing(work, capsys):
    assert call(encode_codes, work, "codes", "--shard", "1/2") == 0
    assert call(encode_codes, work, "codes", "--merge", "2") == 1
    assert "manifest.json: no such file" in capsys.readouterr().err
    assert call(encode_codes, work, "codes", "--merge", "1") == 1
    assert "lacks 2 of 5 keys" in capsys.readouterr().err


def test_resynthesis_keeps_level_length_and_rate(work):
    assert call(resynthesize, work, "res", "--shard", "1/1") == 0
    assert call(resynthesize, work, "res", "--merge", "1") == 0
    found = read_scp(work / "res" / "wav.scp")
    for key, path in read_scp(work / "spk1.scp").items():
        (target, rate), (estimate, other) = read_audio(path), read_audio(found[key])
        assert rate == other and len(target) == len(estimate)
        assert np.sqrt(np.mean(estimate**2)) == pytest.approx(np.sqrt(np.mean(target**2)), rel=0.02)


def test_fewer_codebooks_are_another_resynthesis_in_a_folder_of_its_own(work, capsys):
    assert call(resynthesize, work, "all") == 0
    assert call(resynthesize, work, "one", "--num_codebooks", "1") == 0
    (whole, _), (coarse, _) = (read_audio(read_scp(work / name / "wav.scp")["u1"]) for name in ("all", "one"))
    assert len(whole) == len(coarse) and not np.allclose(whole, coarse, atol=1e-3)
    assert call(resynthesize, work, "one") == 1
    assert "holds what 1 codebooks sound like" in capsys.readouterr().err
    assert call(resynthesize, work, "many", "--num_codebooks", "99") == 1
    assert "ask for 1 .." in capsys.readouterr().err and not (work / "many").exists()


def test_all_codebooks_sound_like_the_plain_resynthesis(work):
    from espnet_tse.schema.manifest import read_manifest

    count = read_manifest(work / "codec")["spec"]["num_codebooks"]
    assert call(resynthesize, work, "plain") == 0
    assert call(resynthesize, work, "counted", "--num_codebooks", str(count)) == 0
    for key, path in read_scp(work / "plain" / "wav.scp").items():
        np.testing.assert_array_equal(
            read_audio(path)[0], read_audio(read_scp(work / "counted" / "wav.scp")[key])[0]
        )


@pytest.mark.parametrize("program, name", [(resynthesize, "wav"), (encode_codes, "acoustic")])
@pytest.mark.parametrize("more", [(), ("--shard", "1/1"), ("--merge", "1")])
def test_lists_are_never_written_over(work, capsys, program, name, more):
    (work / "set").mkdir()
    scp = (work / "spk1.scp").rename(work / "set" / f"{name}.scp")
    before = scp.read_text()
    assert call(program, work, "set", *more, "--scp", scp) == 1
    assert f"{name}.scp is a list that is read, which would be written over" in capsys.readouterr().err
    assert scp.read_text() == before and list((work / "set").iterdir()) == [scp]


@pytest.mark.parametrize("program", [resynthesize, encode_codes])
def test_a_device_that_is_none_leaves_nothing_behind(work, capsys, program):
    assert call(program, work, "out", "--device", "gpu") == 1
    assert "device gpu: no such device; want cpu, cuda" in capsys.readouterr().err
    assert not (work / "out").exists()


def test_recordings_are_not_taken_for_their_resyntheses(work, capsys):
    write_audio(work / "set/wav/u0.wav", np.zeros(800, "f4"), 16000)
    write_scp(work / "spk1.scp", {"u0": work / "set/wav/u0.wav"})
    assert call(resynthesize, work, "set") == 1
    assert "u0.wav is the recording of 'u0', which would be written over" in capsys.readouterr().err
    assert [path.name for path in (work / "set").iterdir()] == ["wav"]


def test_faults_name_the_key_and_usage_exits_with_2(work, capsys):
    (work / "u3.wav").write_bytes(b"no audio")
    assert call(encode_codes, work, "codes") == 1
    assert "key 'u3'" in capsys.readouterr().err
    assert call(encode_codes, work, "codes", "--shard", "3/2") == 1
    assert "want J/N" in capsys.readouterr().err
    wrong = ["--merge", "0"], ["--merge", "2", "--shard", "1/2"], ["--batch_size", "0"], ["--num_threads", "0"]
    for words in wrong:
        with pytest.raises(SystemExit, match="2"):
            call(encode_codes, work, "codes", *words)

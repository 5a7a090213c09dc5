"""Stage 2: rates, channels, segments, shards and resuming."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_tse.data import formatting
from espnet_tse.data.formatting import FormatConf, format_shard, merge_shards
from espnet_tse.data.validation import validate_dir
from espnet_tse.io.scp import DataError, read_scp, write_scp

SAME = FormatConf(sample_rate=8000)
FASTER = FormatConf(sample_rate=16000)


def run(directory, output, conf: FormatConf, num_shards: int = 1):
    for shard in range(1, num_shards + 1):
        format_shard(directory, output, conf, shard, num_shards)
    merge_shards(directory, output, conf, num_shards)
    return output


def test_right_files_stay_in_place(dirs, tmp_path):
    directory = dirs.tse()
    output = run(directory, tmp_path / "dump", SAME)
    for scp in (
        "wav.scp",
        "spk1.scp",
        "spk2.scp",
        "enroll_spk1.scp",
        "utt2spk",
        "spk2utt",
        "utt2num_samples",
    ):
        assert read_scp(output / scp) == read_scp(directory / scp)
    assert not (output / "audio").exists()


@pytest.mark.parametrize("num_shards", [1, 3])
def test_resampling_keeps_a_set_valid(dirs, tmp_path, num_shards):
    directory = dirs.tse()
    write_scp(directory / "text_spk1", {key: "bin blue" for key in read_scp(directory / "wav.scp")})
    (directory / "protocol").write_text("kind: clean\n")
    output = run(directory, tmp_path / "dump", FASTER, num_shards)
    report = validate_dir(output)
    assert report.num_errors == 0, report.render()
    assert report["mixture = sum of its sources"].num_checked == 4
    assert report["sample rate"].note == "16000 Hz"
    lengths = read_scp(output / "utt2num_samples")
    assert lengths == {k: str(2 * int(v)) for k, v in read_scp(directory / "utt2num_samples").items()}
    assert read_scp(output / "text_spk1") == read_scp(directory / "text_spk1")


def test_a_tone_keeps_its_pitch(dirs, tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    directory = dirs.lists("tone", {"k": "s"}, wav_scp={"k": dirs.wav("k", tone)})
    output = run(directory, tmp_path / "dump", FormatConf(sample_rate=12000, audio_format="wav"))
    samples, rate = soundfile.read(read_scp(output / "wav.scp")["k"])
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(12000) / 12000)
    assert rate == 12000 and len(samples) == 12000
    np.testing.assert_allclose(samples[200:-200], expected[200:-200], atol=2e-3)


def test_one_channel_is_picked(dirs, tmp_path):
    stereo = np.stack([np.full(500, 0.1), np.full(500, 0.2)], axis=1)
    directory = dirs.lists("stereo", {"k": "s"}, wav_scp={"k": dirs.wav("k", stereo)})
    output = run(directory, tmp_path / "dump", FormatConf(8000, channel=1))
    assert soundfile.read(read_scp(output / "wav.scp")["k"])[0] == pytest.approx(np.full(500, 0.2), abs=1e-4)
    with pytest.raises(DataError, match="k: .*has 2 channels; --channel 2 is not there"):
        format_shard(directory, tmp_path / "other", FormatConf(8000, channel=2), 1, 1)


def test_mono_files_have_one_channel_to_pick_from(dirs, tmp_path):
    paths = {str(rate): dirs.wav(str(rate), np.full(rate, 0.1), rate=rate) for rate in (8000, 16000)}
    directory = dirs.lists("mono", {key: "s" for key in paths}, wav_scp=paths)
    output = run(directory, tmp_path / "dump", FormatConf(8000, channel=1))
    assert read_scp(output / "utt2num_samples") == {"16000": "8000", "8000": "8000"}


def test_segments_are_cut(dirs, tmp_path):
    ramp = np.arange(8000) / 32768
    directory = dirs.lists("cut", {"a": "s", "b": "s"}, wav_scp={"rec": dirs.wav("rec", ramp)})
    write_scp(directory / "segments", {"a": "rec 0.25 0.5", "b": "rec 0.5 1.0"})
    output = run(directory, tmp_path / "dump", SAME)
    wavs = read_scp(output / "wav.scp")
    np.testing.assert_array_equal(soundfile.read(wavs["a"])[0], ramp[2000:4000])
    assert read_scp(output / "utt2num_samples") == {"a": "2000", "b": "4000"}
    assert not (output / "segments").exists()


@pytest.mark.parametrize("entry", ["cat {}.wav |", "{}.mp3"])
def test_a_recording_of_many_segments_is_decoded_once(dirs, tmp_path, monkeypatch, entry):
    stem, decoded = tmp_path / "rec", []
    read = formatting.read_entry
    monkeypatch.setattr(
        formatting, "read_entry", lambda *args, **kw: (decoded.append(args[0]), read(*args, **kw))[1]
    )
    recording = entry.format(stem)
    directory = dirs.lists("cut", {"a": "s", "b": "s", "c": "s"}, wav_scp={"rec": recording})
    write_scp(directory / "segments", {"a": "rec 0 1", "b": "rec 1 2", "c": "rec 2 -1"})
    for run_number, level in enumerate((0.05, 0.1)):  # of another recording nothing is kept
        samples = dirs.noise(24000 + run_number, 1, level)
        for suffix, kind in (("wav", "WAV"), ("mp3", "MP3")):
            soundfile.write(f"{stem}.{suffix}", samples, 8000, format=kind)
        decoded.clear()
        output = run(directory, tmp_path / "dump", SAME)
        assert decoded == [recording]
        first = soundfile.read(read_scp(output / "wav.scp")["a"])[0]
        assert np.std(first) == pytest.approx(level, rel=0.2)


def test_segments_to_the_end_and_beyond_it(dirs, tmp_path):
    ramp = np.arange(8000) / 32768
    path = dirs.wav("rec", ramp)
    for entry in (str(path), f"cat {path} |"):
        directory = dirs.lists("cut", {"a": "s"}, wav_scp={"rec": entry})
        write_scp(directory / "segments", {"a": "rec 0.5 -1"})
        output = run(directory, tmp_path / "dump", SAME)
        np.testing.assert_array_equal(soundfile.read(read_scp(output / "wav.scp")["a"])[0], ramp[4000:])
        write_scp(directory / "segments", {"a": "rec 0.5 2.5"})
        with pytest.raises(
            DataError, match="wav.scp: a: segment: 0.5 to 2.5 s .* lasts 1.000 s; fix its line in segments"
        ):
            run(directory, tmp_path / "other", SAME)


def test_signals_that_16_bits_do_not_hold_stay_float(dirs, tmp_path):
    rng = np.random.default_rng(0)
    quiet, loud = 1e-4 * rng.uniform(-1, 1, 900), 1.8 * rng.uniform(-1, 1, 900)
    stereo = {
        name: dirs.wav(name, np.stack([signal] * 2, 1), subtype="FLOAT")
        for name, signal in (("q", quiet), ("l", loud))
    }
    directory = dirs.lists("float", {"q": "s", "l": "s"}, wav_scp=stereo)
    for _ in range(2):
        output = run(directory, tmp_path / "dump", SAME)
        for name, signal in (("q", quiet), ("l", loud)):
            made, _ = soundfile.read(read_scp(output / "wav.scp")[name])
            np.testing.assert_array_equal(made, signal.astype(np.float32))


def test_floats_in_the_range_of_int16_are_refused(dirs, tmp_path):
    signal = 20000 * np.random.default_rng(0).uniform(-1, 1, 900)
    directory = dirs.lists(
        "int", {"k": "s"}, wav_scp={"k": dirs.wav("k", signal, subtype="FLOAT", rate=16000)}
    )
    with pytest.raises(DataError, match="k: .* reaches .*, while full scale is 1; .*divided by 32768"):
        run(directory, tmp_path / "dump", SAME)


def test_opus_is_rewritten(dirs, tmp_path):
    soundfile.write(tmp_path / "a.ogg", np.zeros(8000) + 0.1, 8000, format="OGG", subtype="OPUS")
    directory = dirs.lists("opus", {"a": "s"}, wav_scp={"a": tmp_path / "a.ogg"})
    assert read_scp(run(directory, tmp_path / "dump", SAME) / "wav.scp")["a"].endswith(".flac")


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_without_sizes_is_rewritten(dirs, tmp_path, size):
    """Other programs find nothing in it, or too much."""
    directory, output = dirs.source({"a": [800]}), tmp_path / "dump"
    (path,) = read_scp(directory / "wav.scp").values()
    content = bytearray(Path(path).read_bytes())
    content[4:8] = content[40:44] = size.to_bytes(4, "little")
    Path(path).write_bytes(content)
    format_shard(directory, output, SAME, 1, 1)
    merge_shards(directory, output, SAME, 1)
    (made,) = read_scp(output / "wav.scp").values()
    assert made != path and soundfile.info(made).frames == 800


def test_speed_perturbation_makes_new_speakers(dirs, tmp_path):
    directory = dirs.source({"a": [8000, 9000], "b": [8000, 9000]})
    output = run(directory, tmp_path / "dump", FormatConf(8000, speed_factors=(0.8, 1.25)))
    utt2spk = read_scp(output / "utt2spk")
    assert len(utt2spk) == 12 and utt2spk["sp0.8-a-0"] == "sp0.8-a"
    lengths = read_scp(output / "utt2num_samples")
    assert (lengths["a-0"], lengths["sp0.8-a-0"], lengths["sp1.25-a-0"]) == ("8000", "10000", "6400")
    assert validate_dir(output).num_errors == 0


def test_enrollments_that_are_rewritten_are_known_by_their_first_names(dirs, tmp_path):
    directory = dirs.tse(2)
    first, second = read_scp(directory / "wav.scp")
    targets, enrollments = read_scp(directory / "spk1.scp"), read_scp(directory / "enroll_spk1.scp")
    targets[first] = dirs.wav("s1/1-2-3_4-5-6", soundfile.read(targets[first])[0])
    enrollments[first] = dirs.wav("speech/1-2-3", dirs.noise(20000, 5), rate=16000)
    write_scp(directory / "spk1.scp", targets)
    write_scp(directory / "enroll_spk1.scp", enrollments)
    output = run(directory, tmp_path / "dump", FormatConf(8000, speed_factors=(0.9,)))
    assert read_scp(output / "enroll_spk1.scp")[first].endswith(f"{first}.flac")
    offenders = dict(validate_dir(output)["enrollment is not the target"].offenders)
    assert set(offenders) == {first, f"sp0.9-{first}"}
    assert "both are of utterance '1-2-3'" in offenders[first] and second not in offenders


def test_times_and_voices_of_perturbed_rows_are_theirs(dirs, tmp_path):
    directory = dirs.source({"a": [8000, 9000], "b": [8000, 9000]})
    keys = list(read_scp(directory / "utt2spk"))
    write_scp(directory / "utt2interferer", {key: "b" if key.startswith("a") else "a" for key in keys})
    write_scp(
        directory / "utt2activity", {**dict.fromkeys(keys, "0.2-0.5 0.8-1"), "b-0": "none", "b-1": "unknown"}
    )
    write_scp(directory / "utt2dur", dict.fromkeys(keys, "1.5"))
    output = run(directory, tmp_path / "dump", FormatConf(8000, speed_factors=(0.5, 1.25)))
    others, activity, durations = (
        read_scp(output / name) for name in ("utt2interferer", "utt2activity", "utt2dur")
    )
    assert (others["a-0"], others["sp0.5-a-0"], others["sp1.25-b-1"]) == ("b", "sp0.5-b", "sp1.25-a")
    assert activity["a-0"] == "0.2-0.5 0.8-1" and activity["sp0.5-a-0"] == "0.4-1 1.6-2"
    assert (activity["sp0.5-b-0"], activity["sp1.25-b-1"]) == ("none", "unknown")
    assert [float(durations[key]) for key in ("a-0", "sp0.5-a-0", "sp1.25-a-0")] == [1.5, 3.0, 1.2]
    write_scp(directory / "utt2dur", dict.fromkeys(keys, "long"))
    with pytest.raises(DataError, match="utt2dur: key 'a-0': 'long' is no duration"):
        run(directory, tmp_path / "other", FormatConf(8000, speed_factors=(0.5,)))


def test_an_utterance_of_two_speakers_is_refused(dirs, tmp_path):
    directory = dirs.tse(num_rows=2)
    wavs = [str(dirs.wav(f"pool/{name}", np.full(5000, 0.1))) for name in "ab"]
    pool = directory / "spk2enroll.json"
    pool.write_text(json.dumps({"A": [["utt1", wavs[0]]], "B": [["utt1", wavs[1]]]}))
    with pytest.raises(DataError, match="utterance 'utt1' is .*b.wav of speaker 'B' and .*a.wav elsewhere"):
        run(directory, tmp_path / "dump", FASTER)
    pool.write_text(json.dumps({"A": [["utt1", wavs[0]]], "B": [["utt2", wavs[1]], ["utt1", wavs[0]]]}))
    made = json.loads((run(directory, tmp_path / "dump", FASTER) / "spk2enroll.json").read_text())
    assert made["A"][0] == made["B"][1] != made["B"][0]


def test_another_audio_format_is_written_anew(dirs, tmp_path):
    directory = dirs.source({"a": [800, 900], "b": [800, 900]})
    loud = dirs.wav("loud", 1.5 * np.sin(np.arange(800)), subtype="FLOAT")
    write_scp(directory / "wav.scp", {**read_scp(directory / "wav.scp"), "b-0": loud})
    for audio_format, other in (("flac", "wav"), ("wav", "flac"), ("flac", "wav")):
        output = run(directory, tmp_path / "dump", FormatConf(16000, audio_format))
        suffixes = {key: path.rpartition(".")[2] for key, path in read_scp(output / "wav.scp").items()}
        assert suffixes == {
            **dict.fromkeys(suffixes, audio_format),
            "b-0": "wav",
        }  # float, whatever the format
        assert not (output / "audio" / "wav" / f"a-0.{other}").exists()


def test_formant_perturbation_makes_new_speakers_at_every_speed(dirs, tmp_path):
    directory = dirs.source({"a": [8000, 9000], "b": [8000, 9000]})
    output = run(
        directory, tmp_path / "dump", FormatConf(8000, speed_factors=(1.25,), formant_factors=(0.9, 1.1))
    )
    utt2spk = read_scp(output / "utt2spk")
    assert (
        len(utt2spk) == 24
        and utt2spk["sp1.25-fm0.9-a-0"] == "sp1.25-fm0.9-a"
        and utt2spk["fm1.1-b-0"] == "fm1.1-b"
    )
    lengths = read_scp(output / "utt2num_samples")
    assert (lengths["fm1.1-a-0"], lengths["sp1.25-fm1.1-a-0"]) == ("8000", "6400")
    wavs = read_scp(output / "wav.scp")
    own, moved = (soundfile.read(wavs[key])[0] for key in ("sp1.25-a-0", "sp1.25-fm1.1-a-0"))
    assert np.abs(own - moved).max() > 0.01
    assert validate_dir(output).num_errors == 0


def test_formants_of_mixtures_stay(dirs, tmp_path):
    # Sources whose formants are moved one by one do not add up to a mixture of which they are.
    with pytest.raises(
        DataError, match=r"this set lists mixtures \(.*spk1.scp.*leave out --formant_perturb_factors"
    ):
        format_shard(dirs.tse(num_rows=2), tmp_path / "x", FormatConf(8000, formant_factors=(0.9,)), 1, 1)
    assert not (tmp_path / "x").exists()


def test_dynamic_enrollments_are_formatted_with_their_pool(dirs, tmp_path):
    directory = dirs.tse(num_rows=2)
    utt2spk = read_scp(directory / "utt2spk")
    write_scp(directory / "enroll_spk1.scp", {k: f"*{s}-0 {s}" for k, s in utt2spk.items()})
    write_scp(directory / "enroll_spk2.scp", read_scp(directory / "enroll_spk1.scp"))
    pool = {
        s: [[f"{s}-{i}", str(dirs.wav(f"pool/{s}-{i}", np.full(5000, 0.1)))] for i in range(2)]
        for s in sorted(set(utt2spk.values()))
    }
    (directory / "spk2enroll.json").write_text(json.dumps(pool))
    output = run(directory, tmp_path / "dump", FASTER, 2)
    starred = read_scp(directory / "enroll_spk1.scp")
    assert read_scp(output / "enroll_spk1.scp") == {
        f"{k}#spk{n}": v for k, v in starred.items() for n in (1, 2)
    }
    made = json.loads((output / "spk2enroll.json").read_text())
    assert soundfile.info(made["testspk0"][1][1]).samplerate == 16000
    assert validate_dir(output).num_errors == 0
    with pytest.raises(DataError, match="speed perturbation would change which enrollment"):
        format_shard(directory, tmp_path / "x", FormatConf(8000, speed_factors=(0.9,)), 1, 1)


def test_a_second_run_makes_only_what_is_missing(dirs, tmp_path, caplog):
    directory = dirs.source({"a": [800, 900], "b": [800, 900]})
    output = tmp_path / "dump"
    run(directory, output, FASTER)
    gone = output / "audio" / "wav" / "a-1.flac"
    before = {path: path.stat().st_mtime_ns for path in gone.parent.glob("*.flac")}
    gone.unlink()
    with caplog.at_level(logging.INFO):
        run(directory, output, FASTER, num_shards=2)  # other shards, the same files
    assert sum("0 written, 2 kept" in r.message for r in caplog.records) == 1
    assert sum("1 written, 1 kept" in r.message for r in caplog.records) == 1
    after = {path: path.stat().st_mtime_ns for path in gone.parent.glob("*.flac")}
    assert after.keys() == before.keys()
    assert {path for path in before if after[path] != before[path]} == {gone}
    # Another setting, or another source behind the key, is written again.
    write_scp(
        directory / "wav.scp", {**read_scp(directory / "wav.scp"), "b-0": dirs.wav("new", np.ones(700) * 0.1)}
    )
    run(directory, output, FASTER)
    assert read_scp(output / "utt2num_samples")["b-0"] == "1400"


def test_a_recording_that_has_changed_is_formatted_again(dirs, tmp_path):
    wav = dirs.wav("k", np.full(500, 0.1))
    directory = dirs.lists("changed", {"k": "s", "p": "s"}, wav_scp={"k": wav, "p": f"cat {wav} |"})
    for level in (0.1, 0.2):
        dirs.wav("k", np.full(500, level))
        output = run(directory, tmp_path / "dump", FASTER)
        for path in read_scp(output / "wav.scp").values():
            assert np.median(soundfile.read(path)[0]) == pytest.approx(level, abs=1e-3)


def test_faults(dirs, tmp_path):
    directory, output = dirs.source({"a": [800, 900], "b": [800, 900]}), tmp_path / "dump"
    format_shard(directory, output, FASTER, 1, 2)
    with pytest.raises(DataError, match="shard 2 of 2 has not run to its end"):
        merge_shards(directory, output, FASTER, 2)
    with pytest.raises(DataError, match="wav.scp holds 2 of 4 keys"):
        merge_shards(directory, output, FASTER, 1)
    write_scp(directory / "wav.scp", {"a/0": "x.wav"})
    with pytest.raises(DataError, match="key 'a/0' cannot name a file"):
        format_shard(directory, output, FASTER, 1, 1)
    write_scp(directory / "wav.scp", {"a-0": "x.wav"})
    with pytest.raises(DataError, match="wav.scp: a-0: 'x.wav': no such file; relative paths .*; fix its"):
        format_shard(directory, output, FASTER, 1, 1)
    write_scp(
        directory / "wav.scp", {"a-0": "x.wav", "a-1": dirs.wav("a-1", np.ones(800) / 2), "b-0": "y.wav"}
    )
    with pytest.raises(DataError, match=r"2 entries cannot be used:\n.*a-0: 'x.wav'.*\n.*b-0: 'y.wav'"):
        format_shard(directory, output, FASTER, 1, 1)
    assert (output / "audio/wav/a-1.flac").is_file()  # of use to the next run
    write_scp(directory / "wav.scp", {"a-0": dirs.wav("empty", np.zeros(0), rate=16000)})
    with pytest.raises(DataError, match="a-0: .*is empty"):
        format_shard(directory, output, SAME, 1, 1)
    (directory / "wav.scp").unlink()
    with pytest.raises(DataError, match="run stage 1"):
        format_shard(directory, output, FASTER, 1, 1)


def test_a_header_is_read_once_however_many_rows_name_the_file(dirs, monkeypatch):
    directory = dirs.tse(num_rows=3)
    enrollments = read_scp(directory / "enroll_spk1.scp")
    one = next(iter(enrollments.values()))
    write_scp(directory / "enroll_spk1.scp", dict.fromkeys(enrollments, one))
    read = []
    plain = formatting.read_info
    monkeypatch.setattr(
        formatting, "read_info", lambda path, key: (read.append(str(path)), plain(path, key))[1]
    )
    format_shard(directory, dirs.root / "formatted", FormatConf(sample_rate=dirs.rate), 1, 1)
    assert one in read and len(read) == len(set(read))

"""Ready mixtures as examples."""

import json

import numpy as np
import pytest
import soundfile

from espnet_tse.data.static_dataset import StaticDataset
from espnet_tse.io.scp import DataError, read_scp, write_scp
from espnet_tse.schema.stream_spec import CodesSpec


def samples(directory, scp: str, key: str) -> np.ndarray:
    return soundfile.read(read_scp(directory / scp)[key], dtype="float32")[0]


def make_starred(dirs, directory, num_utterances: int = 3) -> None:
    """Enrollments drawn from ``num_utterances`` of each speaker, never utterance 0."""
    utt2spk = read_scp(directory / "utt2spk")
    write_scp(directory / "enroll_spk1.scp", {k: f"*{s}-0 {s}" for k, s in utt2spk.items()})
    pool = {}
    for number, speaker in enumerate(sorted(set(utt2spk.values()))):
        pool[speaker] = [
            [f"{speaker}-{i}", str(dirs.wav(f"pool/{speaker}-{i}", np.full(1000, (10 * number + i) / 1000)))]
            for i in range(num_utterances)
        ]
    (directory / "spk2enroll.json").write_text(json.dumps(pool))


@pytest.mark.parametrize("cache", [False, True])
def test_whole_rows(dirs, cache):
    directory = dirs.tse()
    dataset = StaticDataset(directory, cache_audio=cache)
    assert dataset.num_samples == [len(samples(directory, "wav.scp", key)) for key in dataset.keys]
    for index, key in enumerate(dataset.keys):
        e = dataset.example(1, index)
        assert e["key"] == key and e["targets"] == {}
        np.testing.assert_array_equal(e["mixture"], samples(directory, "wav.scp", key))
        np.testing.assert_array_equal(e["target"], samples(directory, "spk1.scp", key))
        np.testing.assert_array_equal(e["enrollment"], samples(directory, "enroll_spk1.scp", key))


def test_training_crops_differ_by_epoch_and_stay_aligned_with_codes(dirs, tmp_path):
    directory = dirs.tse()
    paths = {}
    for key in read_scp(directory / "wav.scp"):
        target = soundfile.read(read_scp(directory / "spk1.scp")[key], dtype="int16")[0]
        padded = np.pad(target, (0, -len(target) % 100))
        np.save(tmp_path / f"{key}.npy", padded.reshape(-1, 100)[:, :1].astype(np.int32) + 2**15)
        paths[key] = tmp_path / f"{key}.npy"
    write_scp(tmp_path / "codes.scp", paths)
    dataset = StaticDataset(
        directory,
        0,
        0.2,
        0.3,
        {"acoustic": (tmp_path / "codes.scp", CodesSpec(1, 2**16, 100))},
        hop_length=100,
    )
    assert dataset.training and dataset.num_samples == [1600] * 4
    first, again, later = dataset.example(1, 2), dataset.example(1, 2), dataset.example(2, 2)
    np.testing.assert_array_equal(first["mixture"], again["mixture"])
    assert not np.array_equal(first["mixture"], later["mixture"])
    assert len(first["enrollment"]) == 2400
    for e in (first, later):
        np.testing.assert_array_equal(e["targets"]["acoustic"][:, 0] / 2**15 - 1, e["target"][::100])
        other = e["mixture"] - e["target"]
        assert np.corrcoef(other, e["target"])[0, 1] == pytest.approx(0, abs=0.1)


def test_evaluation_is_keyed_by_the_utterance(dirs):
    directory = dirs.tse(num_rows=4)
    dataset = StaticDataset(directory, enrollment_s=0.1)
    before = dataset.example(1, 3)
    np.testing.assert_array_equal(before["enrollment"], dataset.example(9, 3)["enrollment"])
    for scp in ("wav.scp", "spk1.scp", "spk2.scp", "enroll_spk1.scp", "utt2spk"):
        entries = read_scp(directory / scp)
        del entries[dataset.keys[0]]
        write_scp(directory / scp, entries)
    smaller = StaticDataset(directory, enrollment_s=0.1)
    np.testing.assert_array_equal(smaller.example(1, 2)["enrollment"], before["enrollment"])


def test_dynamic_enrollment(dirs):
    directory = dirs.tse(num_rows=2)
    make_starred(dirs, directory)
    training = StaticDataset(directory, training=True)
    drawn = {round(float(training.example(epoch, 1)["enrollment"][0]) * 1000) for epoch in range(30)}
    assert drawn == {11, 12}  # of the second speaker, never its utterance 0
    fixed = StaticDataset(directory)
    assert len({float(fixed.example(epoch, 1)["enrollment"][0]) for epoch in range(10)}) == 1


def test_dynamic_enrollment_of_a_single_utterance_is_refused(dirs):
    directory = dirs.tse(num_rows=2)
    make_starred(dirs, directory, num_utterances=1)
    with pytest.raises(DataError, match="speaker 'testspk0' of key 'testspk0_mix0' has no enrollment but"):
        StaticDataset(directory)


def test_a_set_without_targets(dirs):
    directory = dirs.tse()
    (directory / "spk1.scp").unlink()
    assert StaticDataset(directory).example(1, 0)["target"] is None


def test_faults(dirs):
    directory = dirs.tse()
    key = sorted(read_scp(directory / "wav.scp"))[1]
    targets = read_scp(directory / "spk1.scp")
    write_scp(directory / "spk1.scp", {**targets, key: dirs.wav("short", np.ones(10) * 0.1)})
    with pytest.raises(DataError, match=f"{key}/target: .* holds 10 samples, but utt2num_samples has 8200"):
        StaticDataset(directory)
    (directory / "enroll_spk1.scp").unlink()
    with pytest.raises(DataError, match="enroll_spk1.scp: no such file"):
        StaticDataset(directory)

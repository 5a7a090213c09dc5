"""Segments of utterances and of sums of two."""

import numpy as np
import pytest

from espnet_tse.data.audio_store import AudioStore
from espnet_tse.io.audio import write_audio
from espnet_tse.train.codec_train_conf import CodecTrainConf
from espnet_tse.train.segments import MIXED_DB, SegmentReader

RATE, NUMBER = 16000, 800
FREQUENCIES = {"u0": 500.0, "u1": 1000.0, "u2": 2000.0}  # whole periods in a segment


@pytest.fixture
def store(tmp_path) -> AudioStore:
    """A tone each, of different levels."""
    paths = {}
    for index, (key, frequency) in enumerate(FREQUENCIES.items()):
        tone = np.sin(2 * np.pi * frequency * np.arange(1600 + 160 * index) / RATE)
        paths[key] = tmp_path / f"{key}.wav"
        write_audio(paths[key], (0.1 * (index + 1) * tone).astype("f4"), RATE)
    return AudioStore({key: str(path) for key, path in paths.items()}, cache=True)


def reader(store: AudioStore, **changes) -> SegmentReader:
    return SegmentReader(store, NUMBER, **{"seed": 0, **changes})


def levels(segment: np.ndarray) -> dict[str, float]:
    """RMS of each utterance's tone in a segment."""
    spectrum = np.abs(np.fft.rfft(segment)) / len(segment) * np.sqrt(2)
    return {key: spectrum[round(hz * len(segment) / RATE)] for key, hz in FREQUENCIES.items()}


def heard(segment: np.ndarray) -> list[str]:
    return [key for key, level in levels(segment).items() if level > 0.01]


def test_without_a_share_each_segment_is_of_its_utterance_at_rms_1(store):
    plain = reader(store)
    for row in range(20):
        segment = plain.segment(2, row)
        assert heard(segment) == [plain.utterance(2, row)]
        assert np.sqrt(np.mean(segment**2)) == pytest.approx(1.0, rel=0.01)


def test_with_a_share_of_1_all_are_sums_within_5_db(store):
    mixed, found = reader(store, mixed_share=1.0), set()
    for row in range(60):
        segment, key = mixed.segment(2, row), mixed.utterance(2, row)
        parts = levels(segment)
        others = [other for other in parts if other != key and parts[other] > 0.01]
        assert len(others) <= 1
        if others:  # an utterance may also meet itself
            assert parts[key] == pytest.approx(1.0, rel=0.02)
            assert abs(20 * np.log10(parts[others[0]])) <= MIXED_DB + 0.2
            found.add((key, others[0]))
    assert len(found) >= 5


def test_about_the_share_are_sums_and_their_first_utterance_is_as_it_is_without(store):
    plain, half = reader(store), reader(store, mixed_share=0.5)
    changed = [not np.array_equal(plain.segment(3, row), half.segment(3, row)) for row in range(100)]
    assert 35 <= sum(changed) <= 65
    for row in np.flatnonzero(changed)[:10]:
        assert half.utterance(3, int(row)) == plain.utterance(3, int(row))
        assert half.utterance(3, int(row)) in heard(half.segment(3, int(row)))


def test_sums_are_the_same_for_any_number_of_workers_and_in_any_order(store):
    one, many = reader(store, mixed_share=0.5), reader(store, mixed_share=0.5, num_workers=3)
    wanted = [one.segment(batch, row) for batch in (2, 3) for row in range(4)]
    found = np.concatenate([many(batch, range(4)).numpy() for batch in (2, 3)])
    many.close()
    assert np.array_equal(found, np.stack(wanted)) and found.dtype == np.float32
    assert np.array_equal(one.segment(2, 0), wanted[0])
    assert not np.array_equal(reader(store, mixed_share=0.5, seed=1).segment(2, 0), wanted[0])


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ValueError, match=f"mixed_share is {share}, want a share from 0 to 1"):
        CodecTrainConf(mixed_share=share)

import pytest

from espnet_tse.scoring.result.buckets import SCALES, bucket_labels, keys_by_bucket
from espnet_tse.scoring.run.worker import Record


def record(**fields):
    return Record("u", **{"duration_ref": 4.0, "duration_est": 4.0, "outcomes": {}, "flags": [], **fields})


@pytest.mark.parametrize(
    "scale, value, label",
    [
        ("input_sir", -5.1, "below -5 dB"),
        ("input_sir", -5.0, "-5 to 0 dB"),
        ("input_sir", -1e-9, "0 to 5 dB"),  # what was mixed at 0 dB
        ("input_sir", 5.0, "5 dB and more"),
        ("overlap", 0.199, "below 20 %"),
        ("overlap", 1.0, "80 % and more"),
        ("enrollment", 7.5, "5 to 10 s"),
        ("duration", 3.0, "3 to 6 s"),
    ],
)
def test_edges(scale, value, label):
    assert SCALES[scale].label(value) == label and label in SCALES[scale].labels


def test_unknown_buckets_are_left_out():
    assert bucket_labels(record(), None) == {"duration": "3 to 6 s"}
    full = record(input_sir_db=0.1, overlap=0.5, duration_enroll=2.0)
    assert set(bucket_labels(full, "f with m")) == {*SCALES, "gender"}
    absent = record(target_absent=True, duration_mix=12.0, duration_ref=None)
    assert bucket_labels(absent, None) == {"duration": "10 s and more"}


def test_parts_stand_in_the_order_of_their_edges():
    labels = {key: {"input_sir": SCALES["input_sir"].label(sir)} for key, sir in zip("abc", (6.0, -9.0, 8.0))}
    parts = keys_by_bucket(labels | {"d": {}})
    assert parts == {"input_sir": {"below -5 dB": ["b"], "5 dB and more": ["a", "c"]}}

import copy
import re

import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result.protocol import protocol_differences, read_protocol_file

PROTOCOL = {
    "preset": "offline",
    "keys_sha256": "k",
    "reference_sha256": "r",
    "bandwidth": "16k",
    "list": "test",
    "mode": "min",
    "kind": "clean",
    "policies": {"length": "ref", "level": "none"},
    "measures": {"si_sdr": "1", "pesq": "2"},
}


def test_equal_protocols_and_other_presets_may_be_compared():
    assert (
        protocol_differences(PROTOCOL, PROTOCOL | {"preset": "usef", "measures": {"pesq": "2", "stoi": "9"}})
        == []
    )


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"keys_sha256": "x"}, "other utterances"),
        ({"reference_sha256": "x"}, "other target audio"),
        ({"bandwidth": "8k"}, r"other bandwidth \(16k and 8k\)"),
        ({"mode": "max"}, r"another length mode \(min and max\)"),
        ({"policies": {"length": "min", "level": "none"}}, "--length ref and min"),
        ({"measures": {"si_sdr": "1", "pesq": "3"}}, "versions, settings or weights of pesq"),
    ],
)
def test_differences_are_named(change, reason):
    found = protocol_differences(PROTOCOL, copy.deepcopy(PROTOCOL) | change)
    assert len(found) == 1 and re.search(reason, found[0])


def test_the_normaliser_matters_where_the_same_recogniser_was_heard():
    one = PROTOCOL | {"policies": {"text_norm": "basic"}, "words": {"version": 3, "asr": ["external"]}}
    other = one | {"policies": {"text_norm": "whisper_en"}}
    assert protocol_differences(one, other) == ["--text_norm basic and whisper_en"]
    assert protocol_differences(one, other | {"words": {"version": 3, "asr": ["whisper_base"]}}) == []


def test_results_without_a_protocol_are_not_compared():
    assert protocol_differences({}, PROTOCOL) == ["no protocol was recorded; score again"]


def test_the_file_beside_the_targets(tmp_path):
    (tmp_path / "protocol").write_text("list: mini, seed 0\nmode: min\nnothing\n")
    assert read_protocol_file(tmp_path / "spk1.scp") == {"list": "mini, seed 0", "mode": "min"}
    assert read_protocol_file(tmp_path / "none" / "spk1.scp") == read_protocol_file(None) == {}
    (tmp_path / "protocol").write_text("list: mini\n", encoding="utf-16")
    with pytest.raises(DataError, match="protocol: not UTF-8"):
        read_protocol_file(tmp_path / "spk1.scp")

"""Shape files from headers."""

import json

import numpy as np
import pytest

from espnet_tse.data.shapes import write_shapes
from espnet_tse.io.scp import DataError, read_scp, write_scp


def test_mixtures(dirs, tmp_path):
    directory = dirs.tse()
    assert write_shapes(directory, tmp_path) == {
        "speech_mix_shape": 4,
        "speech_ref1_shape": 4,
        "enroll_ref1_shape": 4,
    }
    assert read_scp(tmp_path / "speech_mix_shape") == read_scp(directory / "utt2num_samples")
    assert set(read_scp(tmp_path / "enroll_ref1_shape").values()) == {"8000"}


def test_sources_and_dynamic_enrollment_give_upper_bounds(dirs, tmp_path):
    source = dirs.source({"a": [800, 900], "b": [800, 900]}, "enrollment_s: 0.5\n")
    write_shapes(source, tmp_path / "source")
    assert read_scp(tmp_path / "source" / "speech_mix_shape")["a-1"] == "900"
    assert set(read_scp(tmp_path / "source" / "enroll_ref1_shape").values()) == {"4000"}
    directory = dirs.tse(num_rows=1)
    write_scp(directory / "enroll_spk1.scp", {"testspk0_mix0": "*u0 s"})
    pool = {"s": [[f"u{i}", str(dirs.wav(f"u{i}", np.ones(100 * (i + 1)) * 0.1))] for i in range(3)]}
    (directory / "spk2enroll.json").write_text(json.dumps(pool))
    (directory / "spk1.scp").unlink()
    assert write_shapes(directory, tmp_path / "tse") == {"speech_mix_shape": 1, "enroll_ref1_shape": 1}
    assert read_scp(tmp_path / "tse" / "enroll_ref1_shape") == {"testspk0_mix0": "300"}


@pytest.mark.parametrize("kind", ["source", "tse"])
def test_incomplete_lengths(dirs, tmp_path, kind):
    directory = dirs.tse() if kind == "tse" else dirs.source({"a": [800, 900], "b": [800, 900]})
    write_scp(directory / "utt2num_samples", {"x": 1})
    with pytest.raises(DataError, match="utt2num_samples: lacks key '.*run stage 2"):
        write_shapes(directory, tmp_path)

import numpy as np
import pytest
import soundfile

from espnet_tse.io.scp import DataError
from espnet_tse.tasks.length_batches import length_batches, read_infos, unfinished


def test_rows_of_like_length_come_together_in_any_order(tmp_path):
    paths = {}
    for key, num_samples in (("a", 300), ("b", 100), ("c", 200), ("d", 100)):
        paths[key] = str(tmp_path / f"{key}.wav")
        soundfile.write(paths[key], np.zeros(num_samples), 8000)
    assert length_batches(read_infos(["a", "b", "c", "d"], paths), 2) == [["b", "d"], ["c", "a"]]
    assert length_batches(read_infos(["d", "c", "b", "a"], paths), 3) == [["b", "d", "c"], ["a"]]


def test_an_unreadable_file_is_named(tmp_path):
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(DataError, match="key 'a': .*a.wav' cannot be read as audio.*fix its line"):
        read_infos(["a"], {"a": str(tmp_path / "a.wav")})


def test_batches_that_are_left_are_whole():
    assert unfinished([["a", "b"], ["c", "d"]], {"d"}) == [["c", "d"]]
    assert unfinished([["a", "b"], ["c", "d"]], {"b", "d"}) == [["a", "b"], ["c", "d"]]
    assert unfinished([["a", "b"]], set()) == []

import errno

import numpy as np
import pytest

from espnet_tse.io.stored_signal import StoredSignal


def test_samples_come_back_in_any_span(tmp_path):
    signal = np.random.default_rng(0).standard_normal(200_000).astype(np.float32)
    stored = StoredSignal(tmp_path / "new")
    for start in range(0, len(signal), 70_000):
        stored.append(signal[start : start + 70_000])
        stored.append(signal[:0])
    assert stored.num_samples == len(signal)
    np.testing.assert_array_equal(stored.span(123, 456), signal[123 : 123 + 456])
    np.testing.assert_array_equal(stored.span(199_990, 100), signal[199_990:])
    np.testing.assert_array_equal(np.concatenate([*stored.blocks()]), signal)
    assert not list((tmp_path / "new").iterdir())  # it has no name


def test_a_full_disk_names_the_folder(tmp_path, monkeypatch):
    stored = StoredSignal(tmp_path)

    class Full:
        def seek(self, *place):
            pass

        def write(self, samples):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stored, "file", Full())
    with pytest.raises(OSError, match=f"No space left on device.*{tmp_path}"):
        stored.append(np.ones(3, np.float32))


def test_a_folder_that_cannot_be_written_is_named_and_not_the_nameless_file(tmp_path, monkeypatch):
    def refuse(dir):
        raise OSError(errno.EROFS, "Read-only file system", "tmpv4d2xtk3")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(OSError) as error:
        StoredSignal(tmp_path)
    assert error.value.filename == str(tmp_path) and "tmpv4" not in str(error.value)

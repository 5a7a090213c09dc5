"""What cannot be written is told of the file that was asked for, never of the temporary one."""

import errno

import pytest

from espnet_tse.io.files import atomic_write, is_there


def test_an_empty_file_is_not_there(tmp_path):
    path = tmp_path / "a"
    assert not is_there(path)
    path.write_text("")  # as a full disk or a power cut leaves it
    assert not is_there(path)
    path.write_text("audio")
    assert is_there(path)


def test_a_folder_of_that_name(tmp_path):
    (tmp_path / "d.wav").mkdir()
    with pytest.raises(IsADirectoryError) as error, atomic_write(tmp_path / "d.wav"):
        raise AssertionError("nothing is begun")
    assert error.value.filename == str(tmp_path / "d.wav") and error.value.filename2 is None
    assert [path.name for path in tmp_path.iterdir()] == ["d.wav"]


@pytest.mark.parametrize("function", ["tempfile.mkstemp", "os.replace", "os.chmod"])
def test_what_the_system_says_of_the_temporary_file(tmp_path, monkeypatch, function):
    def refuse(*args, **options):
        raise OSError(errno.EROFS, "Read-only file system", args[0] if args else ".x.l7.tmp")

    monkeypatch.setattr(function, refuse)
    with pytest.raises(OSError) as error, atomic_write(tmp_path / "x") as file:
        file.write("content")
    assert error.value.errno == errno.EROFS and error.value.filename == str(tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_another_file_of_the_block_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as error, atomic_write(tmp_path / "x"):
        open(tmp_path / "source")
    assert error.value.filename == str(tmp_path / "source")

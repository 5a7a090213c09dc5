"""Folders that are replaced as a whole."""

import pytest

from espnet_tse.io.replaced_folder import replaced_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_takes_the_place_of_the_old_one(tmp_path):
    for name in ("first", "second"):
        with replaced_folder(tmp_path / "set") as work:
            (work / name).touch()
            assert (
                names(tmp_path / "set") == ["first"] if name == "second" else not (tmp_path / "set").exists()
            )
        assert names(tmp_path / "set") == [name] and names(tmp_path) == ["set"]


def test_a_failure_keeps_the_old_one(tmp_path):
    with replaced_folder(tmp_path / "set") as work:
        (work / "first").touch()
    with pytest.raises(RuntimeError), replaced_folder(tmp_path / "set") as work:
        (work / "second").touch()
        raise RuntimeError
    assert names(tmp_path / "set") == ["first"] and names(tmp_path) == ["set"]


def test_what_a_killed_process_has_left_goes(tmp_path):
    (tmp_path / ".set.new.tmp").mkdir()
    (tmp_path / ".set.new.tmp/half").touch()
    with replaced_folder(tmp_path / "set") as work:
        (work / "whole").touch()
    assert names(tmp_path / "set") == ["whole"] and names(tmp_path) == ["set"]


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "disk/set").mkdir(parents=True)
    (tmp_path / "disk/set/first").touch()
    (tmp_path / "set").symlink_to(tmp_path / "disk/set")
    for name in ("second", "third"):
        with replaced_folder(tmp_path / "set") as work:
            (work / name).touch()
        assert (tmp_path / "set").is_symlink() and names(tmp_path) == ["disk", "set"]
        assert names(tmp_path / "disk/set") == [name] and names(tmp_path / "disk") == ["set"]


def test_a_link_that_was_left_goes(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / ".set.old.tmp").symlink_to(tmp_path / "disk")
    (tmp_path / "set").mkdir()
    with replaced_folder(tmp_path / "set") as work:
        (work / "whole").touch()
    assert names(tmp_path / "set") == ["whole"] and names(tmp_path) == ["disk", "set"]

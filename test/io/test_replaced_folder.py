"""Folders that are replaced as a whole."""

import pytest

from espnet_tse.io.replaced_folder import replaced_folder, replaced_folders
from espnet_tse.io.scp import DataError


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


def below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("place", ["data/test", "data/deep/er/test"])
def test_a_folder_that_holds_another_set_is_not_replaced(tmp_path, place):
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "wav.scp").touch()
    before = below(tmp_path)
    with pytest.raises(DataError, match=f"data: .* holds another data directory .*{place}"):
        with replaced_folder(tmp_path / "data"):
            pass
    assert below(tmp_path) == before


def test_a_link_to_another_set_counts_and_own_folders_do_not(tmp_path):
    for name in ("elsewhere", "data/set/.backup", "data/set/audio/wav", "data/set"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / ("a.wav" if "audio" in name else "wav.scp")).touch()
    with replaced_folder(tmp_path / "data/set") as work:
        (work / "wav.scp").touch()
    assert below(tmp_path / "data") == ["set", "set/wav.scp"]
    (tmp_path / "data/set").rename(tmp_path / "set")
    (tmp_path / "data/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="data/link"), replaced_folder(tmp_path / "data"):
        pass
    assert (tmp_path / "data/link").is_symlink()


@pytest.mark.parametrize("read", ["data", "data/clean/train", "data/clean/train/a.wav", "data/link"])
def test_a_folder_that_holds_what_is_read_is_not_replaced(tmp_path, read):
    (tmp_path / "data/clean/train").mkdir(parents=True)
    (tmp_path / "data/clean/train/a.wav").touch()
    (tmp_path / "disk").mkdir()
    (tmp_path / "data/link").symlink_to(tmp_path / "disk")
    before = below(tmp_path)
    (tmp_path / "same").symlink_to(tmp_path / "data")
    for directory in ("data", "same"):
        with pytest.raises(DataError, match=f"{directory}: .* is, or holds, what is read .*{read}"):
            with replaced_folder(tmp_path / directory, [tmp_path / read]):
                pass
    with replaced_folder(tmp_path / "data/clean/other", [tmp_path / read]):
        pass
    assert below(tmp_path / "data") == sorted(
        [*(p[5:] for p in before if p.startswith("data/")), "clean/other"]
    )


def test_several_are_replaced_together(tmp_path):
    data = tmp_path / "data"
    (tmp_path / "disk/audio").mkdir(parents=True)
    data.mkdir()
    (data / "audio").symlink_to(tmp_path / "disk/audio")
    with replaced_folders(data, ("audio", "train")) as work:
        (work["audio"] / "a.wav").touch()
        (work["train"] / "wav.scp").touch()
        assert not (data / "train").exists() and not names(data / "audio")
    assert (data / "audio").is_symlink() and names(tmp_path / "disk/audio") == ["a.wav"]
    before = below(tmp_path)
    with pytest.raises(RuntimeError), replaced_folders(data, ("audio", "train")) as work:
        (work["train"] / "text").touch()
        raise RuntimeError
    (data / "train/old").mkdir()
    (data / "train/old/wav.scp").touch()
    with pytest.raises(DataError, match="train: .* another data directory"):
        with replaced_folders(data, ("audio", "train")):
            pass
    assert below(tmp_path) == sorted([*before, "data/train/old", "data/train/old/wav.scp"])

"""Files of a folder without those of the operating system."""

from pathlib import Path

from espnet_tse.io.visible_files import files_below, is_visible, visible_files


def test_what_macos_leaves_is_no_recording(tmp_path, monkeypatch):
    root = tmp_path / ".hidden above"  # where a corpus lies is no matter
    for name in ("a.wav", "._a.wav", "s/b.wav", "s/._b.wav", ".Trashes/c.wav", ".AppleDouble/s/d.wav"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    assert sorted(visible_files(root, "**/*.wav")) == [root / "a.wav", root / "s/b.wav"]
    assert list(visible_files(root, "*/*.wav")) == [root / "s/b.wav"]
    monkeypatch.chdir(root)
    assert list(visible_files(Path("."), "*.wav")) == [Path("a.wav")]
    assert list(visible_files(Path("../.hidden above"), "*.wav")) == [Path("../.hidden above/a.wav")]
    assert is_visible("a.wav") and not is_visible("._a.wav")


def test_files_behind_a_link_to_a_folder_are_below_it(tmp_path):
    for name in ("elsewhere/b.wav", "elsewhere/.c.wav", "root/a.wav", "root/.hidden/d.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    root = tmp_path / "root"
    (root / "link").symlink_to(tmp_path / "elsewhere")
    assert list(files_below(root)) == [root / "a.wav", root / "link/b.wav"]


def test_a_link_that_leads_back_is_not_followed(tmp_path):
    root = tmp_path / "root"
    (root / "deep").mkdir(parents=True)
    (root / "deep/a.wav").write_bytes(b"")
    (root / "deep/back").symlink_to(root)
    (root / "deep/itself").symlink_to("../deep")
    assert list(files_below(root)) == [root / "deep/a.wav"]


def test_folders_that_link_each_other_are_walked_once_on_each_way(tmp_path):
    """A file in each folder counts the visits."""
    root = tmp_path / "root"
    for one, other in ("ab", "ba"):
        for name in ("", other):
            (root / one / name).mkdir(parents=True, exist_ok=True)
            (root / one / name / f"{one}{name}.wav").touch()
        (root / one / f"{other}2").symlink_to(f"../{other}")
    ways = ["a/a", "a/b/ab", "a/b2/b", "a/b2/a/ba", "b/b", "b/a/ba", "b/a2/a", "b/a2/b/ab"]
    assert sorted(files_below(root)) == sorted(root / f"{way}.wav" for way in ways)


def test_a_link_back_from_elsewhere_is_not_followed(tmp_path):
    for name in ("elsewhere/b.wav", "root/a.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    root = tmp_path / "root"
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(root)
    (tmp_path / "elsewhere/above").symlink_to(tmp_path)
    assert list(files_below(root)) == [root / "a.wav", root / "link/b.wav"]

"""Which checksum belongs to a file, through links and in copies."""

import shutil
import subprocess

import pytest

from espnet_tse.io.checksum import check_checksum, kept_checksum, write_checksum
from espnet_tse.io.files import sha256_of, sha256_of_folder
from espnet_tse.io.scp import DataError


@pytest.fixture
def folder(tmp_path):
    """a.pth with its checksum, and a link to it whose checksum is a link too."""
    folder = tmp_path / "exp"
    folder.mkdir()
    (folder / "a.pth").write_bytes(b"weights")
    write_checksum(folder / "a.pth")
    (folder / "ave.pth").symlink_to("a.pth")
    (folder / "ave.pth.sha256").symlink_to("a.pth.sha256")
    return folder


def test_sha256sum_reads_it(folder):
    subprocess.run(["sha256sum", "-c", "a.pth.sha256"], cwd=folder, check=True)


def test_a_link_has_the_checksum_of_its_file(folder):
    assert kept_checksum(folder / "ave.pth") == (sha256_of(folder / "a.pth"), folder / "a.pth.sha256")
    # A kill between the exchanges of both links leaves that of another file.
    (folder / "ave.pth.sha256").unlink()
    (folder / "ave.pth.sha256").write_text("0" * 64)
    assert kept_checksum(folder / "ave.pth")[1] == folder / "a.pth.sha256"


def test_links_that_copying_turned_into_files_keep_it(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "a.pth").unlink()
    assert kept_checksum(tmp_path / "copy" / "ave.pth")[1].name == "ave.pth.sha256"
    # As the hub's cache has them: links to files of other names elsewhere.
    cache, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    cache.mkdir(), snapshot.mkdir()
    for name in ("ave.pth", "ave.pth.sha256"):
        shutil.copy(folder / name, cache / str(len(name)))
        (snapshot / name).symlink_to(f"../blobs/{len(name)}")
    assert kept_checksum(snapshot / "ave.pth") == (sha256_of(folder / "a.pth"), snapshot / "ave.pth.sha256")


def test_faults(folder):
    path = folder / "a.pth"
    where = folder / "a.pth.sha256"
    found, expected = sha256_of(path), "0" * 64
    with pytest.raises(
        DataError, match=f"{path}: has sha256 {found}, but {where} says {expected}.*remove {where}"
    ):
        check_checksum(path, expected, where)
    where.write_text("none")
    with pytest.raises(DataError, match=f"{where}: holds no sha256; copy it again with a.pth, or remove it"):
        kept_checksum(path)
    where.unlink()
    assert kept_checksum(path) is None


def test_the_hash_of_a_folder_is_of_names_and_contents(tmp_path):
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "__pycache__").mkdir()
    before = sha256_of_folder(tmp_path)
    (tmp_path / "__pycache__" / "a.pyc").write_text("compiled")
    (tmp_path / ".a.py.swp").write_text("of an editor")
    assert sha256_of_folder(tmp_path) == before
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    renamed = sha256_of_folder(tmp_path)
    (tmp_path / "b.py").write_text("2")
    assert len({before, renamed, sha256_of_folder(tmp_path)}) == 3

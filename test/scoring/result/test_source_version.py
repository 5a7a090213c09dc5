import os
import platform
import subprocess

import numpy
import pytest

import espnet_tse
from espnet_tse.scoring.result.source_version import base_versions, source_commit


def git(folder, *arguments):
    names = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    command = ["git", *names, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def clone(tmp_path):
    """A clone with the package at its top, and one installed somewhere below."""
    for package in ("espnet_tse", "env/lib/espnet_tse"):
        (tmp_path / "clone" / package).mkdir(parents=True)
    git(tmp_path / "clone", "init", "--quiet")
    return tmp_path / "clone"


def test_commit_is_the_clones_head(clone):
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "first")
    assert source_commit(clone / "espnet_tse") == git(clone, "rev-parse", "HEAD")


def test_uncommitted_changes_are_told(clone):
    source = clone / "espnet_tse" / "source.py"
    source.write_text("first\n")
    git(clone, "add", "espnet_tse/source.py")
    git(clone, "commit", "--quiet", "--message", "first")
    git(clone, "tag", "-a", "v1", "-m", "a tag is no commit")
    head = git(clone, "rev-parse", "HEAD")
    (clone / "notes").write_text("untracked\n")
    assert source_commit(clone / "espnet_tse") == head
    source.write_text("second\n")
    assert source_commit(clone / "espnet_tse") == f"{head}-dirty"


def test_the_index_of_the_clone_is_not_written(clone):
    """A scoring job that dies must leave no index.lock, in which the next commit would get stuck."""
    source = clone / "espnet_tse" / "source.py"
    source.write_text("first\n")
    git(clone, "add", "espnet_tse/source.py")
    git(clone, "commit", "--quiet", "--message", "first")
    os.utime(source, (1, 1))  # git would refresh its index for this
    index = (clone / ".git" / "index").read_bytes()
    assert source_commit(clone / "espnet_tse") == git(clone, "rev-parse", "HEAD")
    assert (clone / ".git" / "index").read_bytes() == index


def test_a_package_installed_below_another_clone_has_no_commit(clone):
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "first")
    assert source_commit(clone / "env" / "lib" / "espnet_tse") is None


def test_nothing_to_name_is_no_error(clone, tmp_path, monkeypatch):
    assert source_commit(clone / "espnet_tse") is None  # no commit yet
    (tmp_path / "plain" / "espnet_tse").mkdir(parents=True)
    assert source_commit(tmp_path / "plain" / "espnet_tse") is None
    assert source_commit(tmp_path / "absent") is None
    monkeypatch.setenv("PATH", "")
    assert source_commit() is None


def test_versions_name_the_interpreter_and_the_package():
    assert base_versions() == {
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "espnet_tse": espnet_tse.__version__,
    }


def test_a_clone_of_another_user_is_not_taken_for_none(clone, monkeypatch):
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "first")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    commit = source_commit(clone / "espnet_tse")
    assert commit.startswith("not recorded: another user owns the clone") and f"safe.directory {clone}" in commit

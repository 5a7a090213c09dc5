"""Checkpoints: whole or not at all, and always a good one left."""

import resource
import signal

import pytest
import torch

from espnet_tse.train.checkpoint import CheckpointError, read_checkpoint, save_checkpoint, write_weights


@pytest.fixture
def full_disk():
    """Files cannot grow beyond 20 kB, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def state(step: int, size: int = 3) -> dict:
    return {"step": step, "weight": torch.full((size,), float(step))}


def test_the_checkpoint_before_is_kept(tmp_path):
    assert read_checkpoint(tmp_path) is None
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, state(step))
    assert read_checkpoint(tmp_path)["step"] == 3
    assert torch.load(tmp_path / "checkpoint.previous.pth", weights_only=True)["step"] == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint.previous.pth", "checkpoint.pth"]


def flipped(content: bytes) -> bytes:
    """With one bit of a weight changed, which ``torch.load`` does not see."""
    place = content.index(torch.full((3,), 2.0).numpy().tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage", [lambda b: b[:100], lambda b: b[:-30], lambda b: b"", lambda b: b"x" * len(b), flipped]
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, caplog, damage):
    for step in (1, 2):
        save_checkpoint(tmp_path, state(step))
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(damage(path.read_bytes()))
    assert read_checkpoint(tmp_path)["step"] == 1
    assert "checkpoint.pth cannot be read" in caplog.text and "checkpoint.previous.pth" in caplog.text
    (tmp_path / "checkpoint.previous.pth").unlink()
    with pytest.raises(
        CheckpointError, match="checkpoint.pth cannot be read .*; remove it to train from the start"
    ):
        read_checkpoint(tmp_path)


def test_a_kill_between_the_renames_leaves_the_one_before(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path, state(step))
    (tmp_path / "checkpoint.pth").rename(tmp_path / "checkpoint.pth.new")
    assert read_checkpoint(tmp_path)["step"] == 1


def test_a_full_disk_leaves_what_was_there(tmp_path, full_disk):
    for step in (1, 2):
        save_checkpoint(tmp_path, state(step))
    with pytest.raises(CheckpointError, match=r"cannot be written \(.*File too large.*Make room"):
        save_checkpoint(tmp_path, state(3, size=100_000))
    assert read_checkpoint(tmp_path)["step"] == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint.previous.pth", "checkpoint.pth"]


def test_what_is_not_a_checkpoint_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("run",)

    torch.save({"model": Evil()}, tmp_path / "checkpoint.pth")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="none/x.pth cannot be written .*No such file"):
        write_weights(tmp_path / "none" / "x.pth", {})

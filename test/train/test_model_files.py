"""Which weights stay, what points to them, what their average is."""

import math

import pytest
import torch

from espnet_tse.io.checksum import checksum_file, kept_checksum
from espnet_tse.io.files import sha256_of
from espnet_tse.io.scp import DataError
from espnet_tse.train.checkpoint import CheckpointError
from espnet_tse.train.model_files import keep_weights, publish, ranked_epochs, write_averages

LOSS = ("valid", "loss", "min")


def train(
    folder, losses: list[float], keep: int, write=lambda path, content: torch.save(content, path)
) -> dict:
    stats = {}
    for epoch, loss in enumerate(losses, 1):
        stats[epoch] = {"valid": {"loss": loss}}
        write(folder / f"{epoch}epoch.pth", {"w": torch.tensor([float(epoch)]), "n": torch.tensor(epoch)})
        publish(folder, stats, epoch, [LOSS], keep)
    return stats


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_best_and_the_last_stay(tmp_path):
    stats = train(tmp_path, [5.0, 2.0, 4.0, 3.0, 6.0], keep=2)
    assert names(tmp_path) == ["2epoch.pth", "4epoch.pth", "5epoch.pth", "latest.pth", "valid.loss.best.pth"]
    assert str((tmp_path / "latest.pth").readlink()) == "5epoch.pth"
    assert str((tmp_path / "valid.loss.best.pth").readlink()) == "2epoch.pth"
    assert publish(tmp_path, stats, 5, [LOSS], 2) == []
    write_averages(tmp_path, stats, [LOSS], [1, 2])
    averaged = torch.load(tmp_path / "valid.loss.ave.pth", weights_only=True)
    assert averaged == {"w": torch.tensor([3.0]), "n": torch.tensor(2)}
    assert str((tmp_path / "valid.loss.ave_1best.pth").readlink()) == "2epoch.pth"


def test_fewer_epochs_than_are_averaged(tmp_path):
    stats = train(tmp_path, [2.0, 1.0], keep=5)
    write_averages(tmp_path, stats, [LOSS], [5])
    assert str((tmp_path / "valid.loss.ave.pth").readlink()) == "valid.loss.ave_2best.pth"


def test_what_is_not_a_number_is_never_the_best():
    stats = {1: {"valid": {"loss": math.nan}}, 2: {"valid": {"loss": 3.0}}, 3: {"valid": {"loss": 1.0}}}
    assert ranked_epochs(stats, LOSS) == [3, 2, 1]
    assert ranked_epochs(stats, ("valid", "loss", "max")) == [2, 3, 1]


def test_epochs_that_a_smaller_number_has_removed_are_left_out_and_told(tmp_path, caplog):
    stats = train(tmp_path, [1.0, 2.0, 4.0, 3.0], keep=1)
    stats[5] = {"valid": {"loss": 2.5}}
    torch.save({"w": torch.tensor([5.0])}, tmp_path / "5epoch.pth")
    publish(tmp_path, stats, 5, [LOSS], 3)
    write_averages(tmp_path, stats, [LOSS], [3])
    assert "epochs [1, 2, 5] are the best, but the weights of [2] were not kept" in caplog.text
    # The last of before is the third of those that are there.
    averaged = torch.load(tmp_path / "valid.loss.ave_3best.pth", weights_only=True)
    assert averaged["w"] == pytest.approx((1 + 5 + 4) / 3)


def test_another_criterion_points_to_the_best_that_is_there(tmp_path):
    stats = train(tmp_path, [1.0, 2.0, 3.0], keep=1)
    for epoch, value in enumerate((0.1, 0.9, 0.5), 1):
        stats[epoch]["valid"]["acc"] = value
    accuracy = ("valid", "acc", "max")
    publish(tmp_path, stats, 3, [LOSS, accuracy], 1)
    assert str((tmp_path / "valid.acc.best.pth").readlink()) == "3epoch.pth"


def test_every_file_and_link_has_its_checksum_and_none_is_left_over(tmp_path):
    stats = train(tmp_path, [5.0, 2.0, 4.0, 3.0, 6.0], keep=2, write=keep_weights)
    write_averages(tmp_path, stats, [LOSS], [1, 2])
    files = [path for path in tmp_path.iterdir() if path.suffix == ".pth"]
    assert len(files) == 8 and {*tmp_path.iterdir()} == {*files, *map(checksum_file, files)}
    for path in files:
        assert kept_checksum(path)[0] == sha256_of(path)
        assert checksum_file(path).is_symlink() == path.is_symlink()
    # Another best epoch: what the average of one was is a file now, or points elsewhere.
    stats[4]["valid"]["loss"] = 1.0
    publish(tmp_path, stats, 5, [LOSS], 2)
    write_averages(tmp_path, stats, [LOSS], [1, 2])
    assert all(kept_checksum(path)[0] == sha256_of(path) for path in files)


def test_epochs_of_earlier_versions_have_none(tmp_path):
    stats = train(tmp_path, [2.0, 1.0], keep=2)
    write_averages(tmp_path, stats, [LOSS], [1])
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".sha256"]
    keep_weights(tmp_path / "2epoch.pth", {"w": torch.zeros(1)})
    write_averages(tmp_path, stats, [LOSS], [1])
    (tmp_path / "2epoch.pth.sha256").unlink()
    write_averages(tmp_path, stats, [LOSS], [1])
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".sha256"]


def test_a_kill_while_weights_are_written_leaves_no_checksum_of_others(tmp_path, monkeypatch):
    path = tmp_path / "1epoch.pth"
    keep_weights(path, {"w": torch.zeros(1)})
    monkeypatch.setattr(
        "espnet_tse.train.model_files.write_checksum", lambda path: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        keep_weights(path, {"w": torch.ones(1)})
    assert torch.load(path, weights_only=True) == {"w": torch.ones(1)} and kept_checksum(path) is None


def test_damaged_epochs_are_not_averaged(tmp_path):
    stats = train(tmp_path, [2.0, 1.0], keep=2, write=keep_weights)
    torch.save({"w": torch.zeros(1), "n": torch.tensor(1)}, tmp_path / "1epoch.pth")
    with pytest.raises(DataError, match="1epoch.pth: has sha256 .*, but .*1epoch.pth.sha256 says"):
        write_averages(tmp_path, stats, [LOSS], [2])


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("espnet_tse.train.model_files.write_checksum", full)
    with pytest.raises(
        CheckpointError, match="1epoch.pth.sha256 cannot be written .No space left on device.*go"
    ):
        keep_weights(tmp_path / "1epoch.pth", {})

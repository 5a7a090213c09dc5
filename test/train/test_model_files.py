"""Which weights stay, what points to them, what their average is."""

import math

import pytest
import torch

from espnet_tse.train.checkpoint import CheckpointError
from espnet_tse.train.model_files import publish, ranked_epochs, write_averages

LOSS = ("valid", "loss", "min")


def train(folder, losses: list[float], keep: int) -> dict:
    stats = {}
    for epoch, loss in enumerate(losses, 1):
        stats[epoch] = {"valid": {"loss": loss}}
        torch.save({"w": torch.tensor([float(epoch)]), "n": torch.tensor(epoch)}, folder / f"{epoch}epoch.pth")
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


def test_a_missing_epoch_is_named(tmp_path):
    stats = train(tmp_path, [2.0, 1.0], keep=2)
    (tmp_path / "1epoch.pth").unlink()
    with pytest.raises(CheckpointError, match="1epoch.pth cannot be read"):
        write_averages(tmp_path, stats, [LOSS], [2])

"""Folders of imported systems: whole, or refused, wherever an import was killed."""

from pathlib import Path

import pytest
import torch

from espnet_tse.io.scp import DataError
from espnet_tse.tasks.checkpoint import load_model
from espnet_tse.tasks.imported_system import IMPORTED, build_imported, save_imported

SIZES = {"n_fft": 64, "hop_length": 32, "width": 8, "num_recurrent": 1, "recurrent_width": 4}


class Killed(BaseException):
    pass


def import_as(folder: Path, source: Path, **sizes: int) -> None:
    """A system of random weights in the place of a translated one."""
    source.write_bytes(b"weights")
    config = {
        "model": "discriminative",
        "extractor": "magnitude_mask",
        "extractor_conf": {**SIZES, **sizes},
        "speaker_encoder": "ge2e",
    }
    save_imported(folder, config, build_imported(config, source).state_dict(), source, "CC0")


def width_of(folder: Path) -> int:
    return load_model(folder).extractor.input.out_features


def killed_at(monkeypatch, name: str) -> None:
    replace = Path.replace

    def replace_or_die(self: Path, target: Path) -> Path:
        if self.name == name:
            raise Killed
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_or_die)


def test_a_killed_first_import_leaves_nothing_and_can_be_run_again(tmp_path, monkeypatch):
    folder, source = tmp_path / "tse_x", tmp_path / "a.pth"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_at(patch, folder.name)
        import_as(folder, source)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]
    import_as(folder, source)
    assert width_of(folder) == 8


@pytest.mark.parametrize("name", ["config.yaml", "valid.loss.ave.pth"])
def test_weights_never_stand_beside_the_configuration_of_another_import(name, tmp_path, monkeypatch):
    folder, source = tmp_path / "tse_x", tmp_path / "a.pth"
    import_as(folder, source)
    (folder / "decode_test").mkdir()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_at(patch, name)
        import_as(folder, source, expansion=3)
    with pytest.raises(DataError, match="valid.loss.ave.pth"):
        load_model(folder)
    import_as(folder, source, width=12)
    assert width_of(folder) == 12 and (folder / "decode_test").is_dir() and (folder / IMPORTED).is_file()


def test_a_link_to_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "tse_x").symlink_to("scratch")
    import_as(tmp_path / "tse_x", tmp_path / "a.pth")
    assert (tmp_path / "tse_x").is_symlink() and width_of(tmp_path / "scratch") == 8

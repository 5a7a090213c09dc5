"""Manifests of the tokenizers that a system builds on."""

import json
import os
import shutil
from pathlib import Path

import pytest
from tse_system import write_codec

from espnet_tse.io.scp import DataError
from espnet_tse.models.laura_tse import LauraTSE
from espnet_tse.tasks import locations
from espnet_tse.tasks.tokenizers import manifests_of, open_tokenizers, remember_tokenizers


@pytest.fixture
def unpacked(monkeypatch) -> list[Path]:
    """Archives, in the order in which they are unpacked."""
    paths, unpack = [], locations.unpack
    monkeypatch.setattr(locations, "unpack", lambda path, target: (paths.append(path), unpack(path, target)))
    return paths


def test_an_archive_is_unpacked_once_for_its_manifest(tmp_path, unpacked):
    folder = write_codec(tmp_path / "codec")
    archive = Path(shutil.make_archive(str(tmp_path / "codec"), "zip", folder))
    places = {"acoustic": str(archive)}
    wanted = json.loads((folder / "manifest.json").read_text())
    for _ in range(3):
        manifests = manifests_of(places)
        path = manifests["acoustic"].pop("path")  # what a caller takes out is there for the next one
        assert path.endswith("manifest.json") and manifests == {"acoustic": wanted}
    remember_tokenizers(places, tmp_path / "exp")
    assert unpacked == [archive]


def test_a_changed_archive_is_read_again(tmp_path, unpacked):
    places = {"acoustic": str(tmp_path / "codec.zip")}
    found = []
    for seed in range(2):
        folder = write_codec(tmp_path / f"codec{seed}", seed)
        archive = shutil.make_archive(str(tmp_path / "codec"), "zip", folder)
        os.utime(archive, ns=(seed, seed))  # a clock may be too coarse for two writes
        found.append(manifests_of(places)["acoustic"]["sha256"])
    assert len(unpacked) == 2 and found[0] != found[1]


def test_a_file_that_is_no_archive_is_refused_each_time(tmp_path):
    (tmp_path / "codec.zip").write_text("no archive")
    for _ in range(2):
        with pytest.raises(DataError, match="codec.zip: neither an exp/ folder nor a packed model"):
            manifests_of({"acoustic": str(tmp_path / "codec.zip")})


def test_keys_of_a_codec_that_nobody_reads_are_told(tmp_path, caplog):
    folder = write_codec(tmp_path / "codec")
    path = folder / "config.yaml"
    path.write_text(path.read_text() + "codec_cnf: {}\n")
    open_tokenizers(LauraTSE, {"acoustic": str(folder)})
    assert f"{path}: nothing reads 'codec_cnf' (did you mean 'codec_conf'?)" in caplog.text

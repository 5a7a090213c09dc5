"""Weights that are not those that were written are refused wherever they are opened; older folders open as they did."""

import json
import os
import shutil

import pytest
import torch
from tse_system import write_system

from espnet_tse.io.checksum import write_checksum
from espnet_tse.io.files import sha256_of
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.checkpoint import load_model
from espnet_tse.tasks.packing import pack
from espnet_tse.tasks.shipped import BASE

WEIGHTS = "valid.loss.ave.pth"


@pytest.fixture
def system(tmp_path):
    """A system whose weights have a checksum."""
    folder = write_system(tmp_path)
    write_checksum(folder / WEIGHTS)
    return folder


def flip_a_byte(path) -> None:
    """In the middle, where the values are: PyTorch opens it all the same."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    torch.load(path, weights_only=True)


def exchange(path) -> None:
    """Weights of another model of the same shapes."""
    torch.save({name: value + 1 for name, value in torch.load(path, weights_only=True).items()}, path)


def test_files_of_any_age_are_packed(system, tmp_path):
    os.utime(system / WEIGHTS, (0, 0))  # zip counts from 1980
    pack(system, tmp_path / "system.zip")
    load_model(tmp_path / "system.zip")


@pytest.mark.parametrize("change", [flip_a_byte, exchange])
def test_a_folder(system, tmp_path, change):
    load_model(system)
    path = system / WEIGHTS
    expected = sha256_of(path)
    change(path)
    message = f"{path}: has sha256 {sha256_of(path)}, but {path}.sha256 says {expected}: the file was damaged or exch"
    with pytest.raises(DataError, match=message):
        load_model(system)
    with pytest.raises(DataError, match=message):
        pack(system, tmp_path / "system.zip")
    assert not (tmp_path / "system.zip").exists()
    (
        system / f"{WEIGHTS}.sha256"
    ).unlink()  # as folders of earlier trainings, which have the sums of their records
    if change is exchange:
        load_model(system)
        return
    with pytest.raises(
        DataError, match=f"{path}: was damaged, its record '.*' is not what was written; copy it"
    ):
        load_model(system)
    shutil.copy(path, system / "other.pth")
    with pytest.raises(DataError, match="other.pth: was damaged"):
        load_model(system, "other.pth")
    (system / "manifest.json").write_text('{"weights_sha256": null}')
    with pytest.raises(DataError, match="was damaged"):
        load_model(system)


def test_weights_of_pytorch_before_1_6_open(system):
    (system / f"{WEIGHTS}.sha256").unlink()
    weights = torch.load(system / WEIGHTS, weights_only=True)
    torch.save(weights, system / WEIGHTS, _use_new_zipfile_serialization=False)
    load_model(system)


def test_an_empty_file_is_called_that(system):
    for checksum in system.glob(f"{WEIGHTS}.*"):
        checksum.unlink()
    (system / WEIGHTS).write_bytes(b"")
    with pytest.raises(DataError, match=f"{WEIGHTS}: is empty, 0 bytes"):
        load_model(system)


def test_an_archive_that_is_cut(system, tmp_path):
    archive = tmp_path / "system.zip"
    pack(system, archive)
    archive.write_bytes(archive.read_bytes()[:-1000])
    with pytest.raises(
        DataError, match="system.zip: is cut short, the end of the archive is missing; fetch it again"
    ):
        load_model(archive)
    archive.write_bytes(b"no archive")
    with pytest.raises(DataError, match="neither an exp/ folder nor a packed model"):
        load_model(archive)


def test_addresses_and_weights_alone_are_no_places_of_a_system(system):
    with pytest.raises(DataError, match="an address; of the hub give the id, owner/name"):
        load_model("https://huggingface.co/owner/name")
    with pytest.raises(DataError, match="weights alone; give the folder that has config.yaml, too"):
        load_model(system / WEIGHTS)


@pytest.mark.parametrize("change", [flip_a_byte, exchange])
def test_an_archive_and_the_folder_that_it_is_unpacked_to(system, tmp_path, change):
    archive, unpacked = tmp_path / "system.zip", tmp_path / "unpacked"
    pack(system, archive)
    load_model(archive)
    shutil.unpack_archive(archive, unpacked)
    load_model(unpacked)
    change(unpacked / WEIGHTS)
    with pytest.raises(
        DataError, match=f"{unpacked}/{WEIGHTS}: has sha256 .* but {unpacked}/manifest.json says"
    ):
        load_model(unpacked)
    shutil.make_archive(str(archive.with_suffix("")), "zip", unpacked)
    with pytest.raises(
        DataError, match=f"{archive}/{WEIGHTS}: has sha256 .* but {archive}/manifest.json says"
    ):
        load_model(archive)


@pytest.mark.parametrize(
    "content, message",
    [
        ('{"weights_sha256": 5}', "manifest.json: weights_sha256 is 5, want a hash"),
        ("{", "manifest.json: no JSON"),
        ("[]", r"manifest.json: holds \[\], want an object"),
        ("{}", None),
    ],
)
def test_what_a_manifest_says(system, content, message):
    (system / f"{WEIGHTS}.sha256").unlink()
    (system / "manifest.json").write_text(content)
    if message is None:
        load_model(system)
        return
    with pytest.raises(DataError, match=message):
        load_model(system)


def test_the_manifest_is_of_the_weights_that_are_packed(system):
    """Other files beside them are not its matter."""
    (system / "manifest.json").write_text(json.dumps({"weights_sha256": "0" * 64}))
    shutil.copy(system / WEIGHTS, system / "3epoch.pth")
    load_model(system, "3epoch.pth")


def test_the_packaged_system_opens():
    said = json.loads((BASE / "manifest.json").read_text())["weights_sha256"]
    assert said == sha256_of(BASE / WEIGHTS)
    load_model(BASE)

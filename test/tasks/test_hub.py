"""Systems go to a hub on the loopback and come back: as a folder, as an archive, cut off, changed, offline."""

import builtins
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import hub_stand_in
import numpy as np
import pytest
from hub_stand_in import TOKEN, stand_in_hub
from huggingface_hub import constants

from espnet_tse import Extractor
from espnet_tse.bin.main import COMMANDS
from espnet_tse.bin.upload import main as upload_main
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.hub import HubId
from espnet_tse.tasks.locations import is_hub_id, located
from espnet_tse.tasks.packing import pack
from espnet_tse.tasks.shipped import BASE
from espnet_tse.tasks.uploading import upload

REPO = "me/voice"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub, an empty cache, and a user who is logged in."""
    with stand_in_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # a protocol and a server of its own
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        monkeypatch.chdir(tmp_path)
        yield server


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The system that comes with the package, packed."""
    folder = tmp_path_factory.mktemp("packed")
    about, results = folder / "about.md", folder / "RESULTS.md"
    about.write_text("Read speech of two talkers.", encoding="utf-8")
    results.write_text("# RESULTS", encoding="utf-8")
    pack(BASE, folder / "system.zip", extra=(results,), licence="Apache-2.0", about=about)
    return folder / "system.zip"


@pytest.mark.parametrize(
    "text, parts",
    [
        ("a/b", ("a/b", None, None)),
        ("a/b@v1.0", ("a/b", "v1.0", None)),
        ("a/b:x/y.zip", ("a/b", None, "x/y.zip")),
        ("a/b@main:y", ("a/b", "main", "y")),
    ],
)
def test_an_id_has_a_repository_a_revision_and_a_place(text, parts):
    place = HubId.parse(text)
    assert (place.repo, place.revision, place.inside) == parts
    assert str(place) == text


@pytest.mark.parametrize("text", ["a", "a/b/c", "../b", "a/b:../../etc", "a/b:/etc", "a b/c", "a/b:", "/a/b"])
def test_what_is_no_id(text):
    assert HubId.parse(text) is None


def test_what_lies_here_is_no_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert is_hub_id("there/x") and not is_hub_id("here/x") and not is_hub_id("exp/tse_x")


def test_a_packed_system_goes_to_the_hub_and_extracts_from_there(hub, archive):
    address = upload(archive, REPO)
    assert address.startswith(f"{hub.url}/{REPO}/commit/")
    card = hub.repos[REPO]["README.md"].decode()
    assert (
        f"--model {REPO}" in card and "Read speech of two talkers." in card and "license: apache-2.0" in card
    )
    assert {"LICENCES.md", "RESULTS.md", "manifest.json", "config.yaml"} < set(hub.repos[REPO])
    rng = np.random.default_rng(0)
    mixture, enrollment = rng.normal(0, 0.1, (2, 8000)).astype(np.float32)
    here, there = Extractor.from_pretrained(), Extractor.from_pretrained(REPO)
    np.testing.assert_array_equal(there(mixture, enrollment, 16000), here(mixture, enrollment, 16000))


def test_an_upload_replaces_what_was_there_and_sends_only_what_changed(hub, archive):
    upload(archive, REPO)
    hub.repos[REPO]["of_before.txt"] = b"old"
    hub.requests.clear()
    upload(archive, REPO)
    assert "of_before.txt" not in hub.repos[REPO] and ".gitattributes" in hub.repos[REPO]
    assert not [request for request in hub.requests if request.startswith("PUT")]


def test_an_archive_in_a_repository_is_opened_by_the_id_alone(hub, archive):
    hub.repos[REPO] = {"README.md": b"mine", "system.zip": archive.read_bytes()}
    with located(REPO) as folder:
        assert (folder / "config.yaml").is_file()


def test_of_several_archives_one_is_named(hub, archive):
    hub.repos[REPO] = {"a.zip": archive.read_bytes(), "b.zip": archive.read_bytes()[:-1]}
    with pytest.raises(DataError, match="holds 2 archives; name one of them: me/voice:a.zip, me/voice:b.zip"):
        with located(REPO):
            pass
    with located(f"{REPO}:a.zip") as folder:
        assert (folder / "config.yaml").is_file()


def test_only_what_is_named_is_fetched(hub, archive):
    hub.repos[REPO] = {"big.pth": b"x" * 1000, "sub/config.yaml": b"a: 1", "sub/model.pth": b"y" * 10}
    with located(f"{REPO}:sub") as folder:
        assert (folder / "model.pth").read_bytes() == b"y" * 10
    assert not [request for request in hub.requests if "big.pth" in request]


def test_a_place_that_a_repository_does_not_have(hub):
    hub.repos[REPO] = {"a.txt": b"a"}
    with pytest.raises(DataError, match="the repository me/voice has no b.zip"):
        with located(f"{REPO}:b.zip"):
            pass


def test_a_download_that_was_killed_goes_on(hub, archive, tmp_path):
    body = archive.read_bytes()
    hub.repos[REPO] = {"system.zip": body}
    blobs = tmp_path / "cache" / "models--me--voice" / "blobs"
    blobs.mkdir(parents=True)
    [name] = [entry["lfs"]["sha256"] for entry in tree(hub)]
    (blobs / f"{name}.partial").write_bytes(body[:1000])
    with located(REPO):
        pass
    assert hub.sent == len(body) - 1000
    assert [request for request in hub.requests if request.endswith("bytes=1000-")]
    assert not list(blobs.glob("*.partial*"))


def test_a_connection_that_breaks_is_taken_up(hub, archive, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    hub.repos[REPO] = {"system.zip": archive.read_bytes()}
    hub.breaks_after, hub.breaks = 300_000, 2
    with located(REPO) as folder:
        assert (folder / "config.yaml").is_file()
    assert hub.breaks == 0


def test_what_arrives_changed_is_refused_and_not_kept(hub, tmp_path):
    hub.repos[REPO] = {"model.pth": b"weights", "config.yaml": b"a: 1"}
    hub.damages = {"model.pth"}
    with pytest.raises(
        DataError, match="model.pth has arrived with sha256 .*, and the hub says .*; it was removed"
    ):
        with located(REPO):
            pass
    hub.damages = set()
    with located(REPO) as folder:
        assert (folder / "model.pth").read_bytes() == b"weights"


def test_what_the_hub_calls_a_sha256_has_to_be_one(hub, monkeypatch, tmp_path):
    hub.repos[REPO] = {"model.pth": b"weights"}
    plain = hub_stand_in.sha256
    monkeypatch.setattr(hub_stand_in, "sha256", lambda body: f"../../{plain(body)}")
    with pytest.raises(DataError, match="no sha256 of model.pth but '../../"):
        with located(REPO):
            pass
    assert not list(tmp_path.rglob("*.partial"))


def test_without_a_network_the_cache_serves(hub, archive, monkeypatch, caplog):
    hub.repos[REPO] = {"system.zip": archive.read_bytes()}
    with located(REPO):
        pass
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with located(REPO) as folder:
        assert (folder / "config.yaml").is_file()
    assert "the hub does not answer; the copy in the cache is used" in caplog.text


def test_without_network_and_cache_it_says_what_to_do(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"not in the cache .*HF_HUB_OFFLINE forbids.*hf download me/voice"):
        with located(REPO):
            pass


def test_a_hub_that_is_down_is_named(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        DataError, match="http://127.0.0.1:9 cannot be reached. Fetch it where there is a network"
    ):
        with located(REPO):
            pass


@pytest.mark.parametrize(
    "name, message",
    [
        ("me/other", "has no repository me/other that you may read; fix the name, or `hf auth login`"),
        (f"{REPO}@v9", "me/voice has no revision 'v9'"),
        ("me/gated", "its owner asks for consent; give it on http://127.0.0.1"),
    ],
)
def test_what_cannot_be_fetched_says_why(hub, name, message):
    hub.repos[REPO] = {"a": b"a"}
    hub.gated = {"me/gated"}
    with pytest.raises(DataError, match=message):
        with located(name):
            pass


def test_without_the_package_it_says_how_to_install_it(monkeypatch, tmp_path, archive):
    monkeypatch.chdir(tmp_path)
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "huggingface_hub":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        DataError, match=r"'me/voice' is no local path, and the hub needs: pip install -e '.\[hub\]'"
    ):
        with located(REPO):
            pass
    with pytest.raises(DataError, match=r"the hub needs: pip install -e '.\[hub\]'"):
        upload(archive, REPO)


@pytest.mark.parametrize("token, repo", [("hf_wrong", REPO), (TOKEN, "others/voice")])
def test_without_the_right_to_write_nothing_is_changed(hub, archive, monkeypatch, token, repo):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(DataError, match=r"does not let you write there \(40[13]\); `hf auth login`"):
        upload(archive, repo)
    assert hub.repos == {}


def test_a_commit_that_is_refused_leaves_the_repository(hub, archive):
    upload(archive, REPO)
    before = dict(hub.repos[REPO])
    hub.repos[REPO]["more.txt"] = before["more.txt"] = b"more"
    hub.refuses_commits = True
    with pytest.raises(DataError, match=r"has refused \(400\).*nothing was changed there"):
        upload(archive, REPO)
    assert hub.repos[REPO] == before


def test_a_private_repository_is_made(hub, archive):
    upload(archive, REPO, private=True)
    assert hub.private == {REPO}


@pytest.mark.parametrize("repo", ["voice", "me/voice:a", "me/voice@v1", "https://hub/me/voice"])
def test_a_repository_that_is_none(archive, repo):
    with pytest.raises(DataError, match="want the id of a repository, owner/name"):
        upload(archive, repo)


def test_only_packed_systems_are_uploaded(hub, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as file:
        file.writestr("config.yaml", "a: 1")
    assert upload_main([str(tmp_path / "odd.zip"), "--repo", REPO]) == 1
    assert "lacks README.md, manifest.json; pack the system again" in capsys.readouterr().err
    assert upload_main([str(tmp_path), "--repo", REPO]) == 1
    assert "want an archive of espnet-tse pack" in capsys.readouterr().err


def test_the_command_asks_the_hub_of_the_environment(hub, archive, tmp_path):
    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",
        "PATH": "/usr/bin:/bin",
    }
    assert "upload" in COMMANDS
    command = [sys.executable, "-m", "espnet_tse.bin.main", "upload", str(archive), "--repo", REPO]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        command,
        env=environment | {"PYTHONPATH": str(root)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{hub.url}/{REPO}/commit/")
    assert json.loads(hub.repos[REPO]["manifest.json"])["licence"] == "Apache-2.0"


def tree(hub):
    """The files of ``REPO`` as lists of files have them."""
    from hub_stand_in import entry

    return [entry(name, body) for name, body in hub.repos[REPO].items()]

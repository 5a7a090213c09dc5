from pathlib import Path

import pytest

from espnet_tse.scoring.measure.hub_cache import cache_folder, hub_snapshot


def test_a_snapshot_is_found_by_its_reference(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--owner--name"
    snapshot = repository / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    assert hub_snapshot("owner/name") is None  # which of the snapshots is not said
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc\n")
    assert hub_snapshot("owner/name") == snapshot and hub_snapshot("owner/other") is None
    (repository / "refs" / "main").write_text("other")
    assert hub_snapshot("owner/name") is None


@pytest.mark.parametrize(
    "variables, folder",
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({"HOME": "/d"}, "/d/.cache/huggingface/hub"),
    ],
)
def test_the_variables_of_the_hub_are_followed(monkeypatch, variables, folder):
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)

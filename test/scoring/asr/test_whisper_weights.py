from dataclasses import replace

import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.asr.option import parse_asr
from espnet_tse.scoring.asr.whisper_weights import (
    PUBLISHED,
    loaded_files,
    locate,
    relative_cost,
    unlike_published,
)


@pytest.fixture
def model_dir(tmp_path, monkeypatch):
    """Files that look like models, and an empty hub cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "models"
    for name in ("whisper/base.pt", "faster-whisper/tiny/model.bin"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"PK weights")
    for name in ("config.json", "tokenizer.json"):
        (folder / "faster-whisper" / "tiny" / name).write_text("{}")
    return folder


def test_a_path_goes_before_the_model_folder(model_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate(parse_asr("whisper:base"), model_dir) == model_dir / "whisper" / "base.pt"
    assert locate(parse_asr("faster_whisper:tiny"), model_dir) == model_dir / "faster-whisper" / "tiny"
    (tmp_path / "base").mkdir()  # a folder is no checkpoint
    assert locate(parse_asr("whisper:base"), model_dir) == model_dir / "whisper" / "base.pt"
    (tmp_path / "own.pt").write_bytes(b"\x80\x02")
    assert str(locate(parse_asr("whisper:own.pt"), model_dir)) == "own.pt"


def test_a_snapshot_in_the_hubs_cache_will_do(tmp_path, model_dir):
    repository = tmp_path / "cache" / "models--openai--whisper-tiny"
    snapshot = repository / "snapshots" / "abc"
    for path in (snapshot, repository / "refs"):
        path.mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    spec = parse_asr("hf_whisper:openai/whisper-tiny")
    with pytest.raises(
        DataError, match="lacks config.json, generation_config.json, preprocessor_config.json or proc"
    ):
        locate(spec, None)
    for name in (
        "config.json",
        "generation_config.json",
        "preprocessor_config.json",
        "vocab.json",
        "model.safetensors",
    ):
        (snapshot / name).write_text("{}")
    (snapshot / "flax_model.msgpack").write_text("not loaded")
    assert locate(spec, None) == snapshot
    assert [path.name for path in loaded_files(replace(spec, weights=snapshot))][-2:] == [
        "vocab.json",
        "model.safetensors",
    ]


@pytest.mark.parametrize(
    "option, message",
    [
        (
            "whisper:large-v3",
            r"not there or in --model_dir .*; get it with: curl .*large-v3.pt \(3 GB, MIT\)",
        ),
        ("whisper:mine", "<sha256>/mine.pt"),
        ("hf_whisper:whisper-base", "hf download openai/whisper-base --local-dir .*/hf/whisper-base"),
        ("hf_whisper:some/model", "hf download some/model"),
        ("faster_whisper:faster-whisper-base", "hf download Systran/faster-whisper-base"),
    ],
)
def test_what_is_missing_comes_with_its_download_line(model_dir, option, message):
    with pytest.raises(DataError, match=message):
        locate(parse_asr(option), model_dir)


def test_a_path_that_leads_nowhere_is_named_with_the_download_to_it(model_dir, tmp_path):
    path = tmp_path / "nowhere" / "base.pt"
    with pytest.raises(DataError, match=f"fix the path, or get it with: curl -Lo {path} ") as error:
        locate(parse_asr(f"whisper:{path}"), None)
    assert "<model_dir>" not in str(error.value)


def test_what_cannot_be_a_model_is_refused_before_it_is_loaded(model_dir):
    (model_dir / "whisper" / "base.pt").write_text("<html>not found</html>")
    with pytest.raises(DataError, match=r"is not a torch file \(an error page\?\); get it with: curl"):
        locate(parse_asr("whisper:base"), model_dir)
    (model_dir / "faster-whisper" / "tiny" / "tokenizer.json").unlink()
    with pytest.raises(DataError, match="lacks tokenizer.json"):
        locate(parse_asr("faster_whisper:tiny"), model_dir)


def test_known_names_with_other_contents():
    spec = parse_asr("whisper:models/base.pt")
    assert unlike_published(spec, "0" * 64) and not unlike_published(spec, PUBLISHED["base"][0])
    assert not unlike_published(parse_asr("whisper:mine.pt"), "0" * 64)
    assert not unlike_published(parse_asr("hf_whisper:base"), "0" * 64)


def test_costs_follow_the_size_of_the_weights(tmp_path):
    path = tmp_path / "large.pt"
    path.touch()
    with path.open("r+b") as file:
        file.truncate(2900_000_000)  # a sparse file
    assert relative_cost(parse_asr(f"whisper:{path}")) == pytest.approx(20, rel=0.01)

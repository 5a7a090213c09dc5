"""The card of a packed system says what is known, and says what is not."""

import json
import zipfile

import pytest
import yaml

from espnet_tse.bin.pack import main
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.model_card import Card, card_markdown, hub_licence, licences_of, results_of
from espnet_tse.tasks.packing import pack
from espnet_tse.tasks.shipped import BASE

CONFIG = {"model": "discriminative", "extractor": "magnitude_mask", "speaker_encoder": "ge2e"}


def card(**values):
    licences = licences_of(None, CONFIG, {}, {})
    return card_markdown(Card("voice", CONFIG, 16000, 2_713_057, **{"licences": licences, **values}))


def test_the_head_is_what_the_hub_reads():
    _, head, text = card(licences=licences_of("Apache-2.0", CONFIG, {}, {})).split("---\n", 2)
    content = yaml.safe_load(head)
    assert content["license"] == "apache-2.0" and content["library_name"] == "espnet_tse"
    assert {"discriminative", "magnitude_mask", "ge2e"} < set(content["tags"])
    assert "2.71 M" in text and "16000 Hz" in text


@pytest.mark.parametrize(
    "licence, keys",
    [
        ("CC-BY-NC-4.0", {"license": "cc-by-nc-4.0"}),
        ("MIT", {"license": "mit"}),
        ("as the corpus allows", {"license": "other", "license_name": "as the corpus allows"}),
        ("not stated", {}),
    ],
)
def test_licences_as_the_hub_names_them(licence, keys):
    assert hub_licence(licence) == keys


def test_every_part_has_its_licence_or_a_remark_that_it_is_not_known():
    found = licences_of(
        "MIT", CONFIG, {"acoustic": {"licence": "CC-BY-4.0"}, "semantic": {}}, {"base": {"licence": None}}
    )
    assert found == {
        "weights of this system": "MIT",
        "speaker encoder, whose weights are among them": "Resemblyzer 0.1.4, Apache-2.0",
        "tokenizer acoustic": "CC-BY-4.0",
        "tokenizer semantic": "not stated",
        "system base inside": "not stated",
    }


def test_what_nobody_has_said_is_said_to_be_missing():
    text = card()
    assert (
        "has not described its training data" in text and "None were scored" in text and "not stated" in text
    )


def test_the_scores_of_a_system_are_on_its_card(tmp_path):
    scoring = tmp_path / "decode_test" / "scoring"
    scoring.mkdir(parents=True)
    metrics = {"si_sdr_i": {"mean": 5.678, "ci95": [5.0, 6.0], "n": 3, "n_expected": 3}}
    meta = {"system": "voice", "test_set": "test|a", "preset": "offline", "n": 3}
    (scoring / "result.json").write_text(json.dumps({"meta": meta, "metrics": metrics}), encoding="utf-8")
    text = results_of(tmp_path)
    assert "### test\\|a" in text and "5.68" in text
    assert results_of(scoring / "none") == ""


def test_a_licence_goes_with_a_system_that_is_packed_again(tmp_path):
    pack(BASE, tmp_path / "first.zip", licence="CC-BY-4.0")
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        archive.extractall(tmp_path / "opened")
    pack(tmp_path / "opened", tmp_path / "second.zip")
    with zipfile.ZipFile(tmp_path / "second.zip") as archive:
        assert json.loads(archive.read("manifest.json"))["licence"] == "CC-BY-4.0"
        assert "| weights of this system | CC-BY-4.0 |" in archive.read("LICENCES.md").decode()


def test_bad_words_for_the_card_are_refused(tmp_path, capsys):
    words = ["--model", str(BASE), "--output", str(tmp_path / "a.zip")]
    assert main([*words, "--about", str(tmp_path / "none.md")]) == 1
    assert "none.md: cannot be read as text" in capsys.readouterr().err
    with pytest.raises(DataError, match="want a name on one line, as Apache-2.0"):
        pack(BASE, tmp_path / "a.zip", licence="a\nb")
    assert not (tmp_path / "a.zip").exists()


def test_an_archive_replaces_no_file_of_another_kind_and_holds_no_name_twice(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("model: mine\n")
    with pytest.raises(DataError, match="call it config.zip"):
        pack(BASE, config)
    assert config.read_text() == "model: mine\n"
    for extra in ((config,), (tmp_path / "a.md", tmp_path / "a.md")):
        (tmp_path / "a.md").write_text("words")
        with pytest.raises(DataError, match=f"the archive has another {extra[-1].name}; rename the file"):
            pack(BASE, tmp_path / "a.zip", extra=extra)
    assert not (tmp_path / "a.zip").exists()

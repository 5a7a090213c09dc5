import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.asr.option import parse_asr
from espnet_tse.scoring.measure import weights
from espnet_tse.scoring.run import plan_asr
from espnet_tse.scoring.run.plan_asr import choose_normaliser, plan_recognisers


@pytest.fixture
def model_dir(tmp_path):
    (tmp_path / "whisper").mkdir()
    for name in ("tiny", "base"):
        (tmp_path / "whisper" / f"{name}.pt").write_bytes(b"PK")
    return tmp_path


def test_several_at_once(model_dir):
    specs, lacking = plan_recognisers(("whisper:tiny", "whisper:base", "external:text"), "paper", model_dir)
    assert [spec.tag for spec in specs] == ["whisper_tiny", "whisper_base", "external"] and not lacking
    assert specs[0].weights == model_dir / "whisper" / "tiny.pt" and specs[0].decode == "paper"


def test_two_of_one_tag_and_malformed_ones(model_dir):
    with pytest.raises(DataError, match="two recognisers named whisper_tiny; name one by :tag="):
        plan_recognisers(("whisper:tiny", "whisper:tiny.pt"), "strict", model_dir)
    with pytest.raises(DataError, match="--asr kaldi: unknown"):
        plan_recognisers(("kaldi",), "strict", model_dir)


def test_what_is_missing_comes_back_with_its_reason(model_dir):
    specs, lacking = plan_recognisers(
        ("whisper:small", "whisper:tiny", "whisper:medium"), "strict", model_dir
    )
    assert [spec.tag for spec in specs] == ["whisper_tiny"] and list(lacking) == [
        "whisper_small",
        "whisper_medium",
    ]
    assert "small.pt (480 MB, MIT)" in lacking["whisper_small"]


def test_missing_packages_and_grammars(model_dir, monkeypatch, tmp_path):
    _, lacking = plan_recognisers((f"pocketsphinx:{tmp_path / 'a.jsgf'}",), "strict", None)
    assert "no such grammar file" in lacking["pocketsphinx"]
    monkeypatch.setattr(weights, "package_version", lambda name: None)
    _, lacking = plan_recognisers(("whisper:tiny",), "strict", model_dir)
    assert "'openai-whisper' is not installed (pip install -e '.[score-asr]')" in lacking["whisper_tiny"]


@pytest.mark.parametrize(
    "asked, options, chosen",
    [
        ("auto", ("whisper:a",), "whisper_en"),
        ("auto", ("external:a", "hf_whisper:b"), "whisper_en"),
        ("auto", ("whisper:a:language=de",), "whisper_basic"),
        ("auto", ("pocketsphinx", "external:a"), "basic"),
        ("auto", (), "basic"),
        ("none", ("whisper:a",), "none"),
        ("whisper_en", ("external:a",), "whisper_en"),
    ],
)
def test_one_normaliser_for_all(asked, options, chosen):
    assert choose_normaliser(asked, tuple(map(parse_asr, options))) == chosen


def test_whispers_normaliser_needs_its_package(monkeypatch):
    monkeypatch.setattr(plan_asr, "package_version", lambda name: None)
    with pytest.raises(DataError, match="--text_norm whisper_en: package 'openai-whisper' is not installed"):
        choose_normaliser("auto", (parse_asr("hf_whisper:a"),))
    assert choose_normaliser("basic", ()) == "basic"

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_tse.scoring.measure import weights
from espnet_tse.scoring.measure.registry import MEASURES, METRICS, needed_measure
from espnet_tse.scoring.measure.weight_files import WHEEL_WEIGHTS, Places
from espnet_tse.scoring.run.metric_cards import metrics_table
from espnet_tse.scoring.run.metric_page import metrics_markdown
from espnet_tse.scoring.run.presets import PRESETS

ROOT = Path(__file__).parents[3]


def test_the_page_is_the_generated_one():
    page = (ROOT / "doc" / "metrics.md").read_text(encoding="utf-8")
    assert page == metrics_markdown(), (
        "doc/metrics.md is not what the registry says; regenerate it: "
        "espnet-tse score --list_metrics markdown > doc/metrics.md"
    )


def test_every_metric_is_on_the_page_and_in_the_list():
    page, lines = metrics_markdown(), metrics_table().splitlines()
    for name in METRICS:
        assert f"### `{name}`" in page
        assert any(line.startswith(f"{name} ") for line in lines)
    for name in PRESETS:
        assert f"| `{name}` |" in page and any(line.startswith(f"preset {name}: ") for line in lines)


def test_every_card_has_its_definition_range_settings_and_trap():
    """Of the page's sections, one a metric."""
    sections = metrics_markdown().partition("## The metrics one by one")[2].partition("## Failures")[0]
    cards = {text.split("`")[1]: text for text in sections.split("### ")[1:]}
    words = {"wer_<tag>", "dwer_<tag>", "cer_<tag>", "leak_<tag>", "hallucination_rate"}
    assert set(cards) == set(METRICS) | words
    for name, text in cards.items():
        _, definition, trap, facts = text.strip().split("\n\n")
        assert definition.endswith(".") and trap.startswith("*Trap:* ") and trap.endswith("."), name
        assert facts.startswith("Range: "), name
        if name in METRICS and MEASURES[METRICS[name].measure].weights:
            assert "Weights: " in facts
            assert any(licence in facts for licence in ("licence", "MIT", "Apache", "CC BY")), name


def test_the_opening_table_has_the_columns_of_recognisers():
    table = metrics_markdown().partition("## Presets")[0]
    for name in ("wer_<tag>", "dwer_<tag>", "cer_<tag>", "leak_<tag>", "hallucination_rate"):
        assert f"`{name}`" in "".join(line for line in table.splitlines() if line.startswith("| "))


def test_the_list_names_what_lacks_in_the_row_and_how_to_get_it_once(tmp_path):
    text = metrics_table(Places(tmp_path))
    rows = [line for line in text.splitlines() if line.startswith("nisqa")]
    assert len(rows) == 5 and all(row.endswith("[missing: nisqa/nisqa.tar]") for row in rows)
    assert text.count(f"curl -Lo {tmp_path}/nisqa/nisqa.tar") == 1


def test_a_whisper_without_a_checkpoint_is_not_called_available(monkeypatch):
    monkeypatch.setattr(weights, "package_version", lambda name: "1")
    rows = [line for line in metrics_table().splitlines() if line.startswith("--asr")]
    assert [row for row in rows if "[available]" in row] == [f"--asr {'pocketsphinx':<14} [available]"]
    assert sum("[package available; wants a checkpoint]" in row for row in rows) == 3


def test_list_runs_with_nothing_but_the_standard_library():
    # -S: no site-packages at all.
    command = [sys.executable, "-S", "-m", "espnet_tse.bin.score", "--list_metrics"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "package 'pesq' is not installed (pip install -e '.[score]')" in done.stdout
    assert "[available]" in done.stdout  # numpy metrics name no package


def test_no_metric_of_the_specification_lacks():
    opinions = [
        "dnsmos_sig",
        "dnsmos_bak",
        "dnsmos_ovrl",
        "dnsmos_p808",
        "pdnsmos_sig",
        "pdnsmos_bak",
        "pdnsmos_ovrl",
    ]
    opinions += ["nisqa", "nisqa_noi", "nisqa_dis", "nisqa_col", "nisqa_loud", "utmos"]
    models = ("resemblyzer", "wavlm", "wespeaker", "wespeaker01")
    speakers = [f"spk_{model}{side}" for model in models for side in ("", "_enroll")]
    samples = ["si_sdr", "si_sdr_i", "sdr", "sdr_i", "pesq", "pesq_nb", "stoi", "estoi"]
    others = ["sbs", "sbs_r", "sbs_f1", "conf_rate", "fail_rate", "len_ratio", "est_dbfs", "clip_frac", "rtf"]
    assert {*opinions, *speakers, *samples, *others} <= set(METRICS)
    assert {"pocketsphinx", "whisper", "faster_whisper", "hf_whisper"} <= set(MEASURES)


def test_missing_weights_are_named(monkeypatch, tmp_path):
    lack, *_ = weights.missing_parts(MEASURES["dnsmos"], Places(dnsmos_dir=tmp_path))
    assert "sig_bak_ovr.onnx" in lack and str(tmp_path) in lack
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert (
        "pretrained.pt is not in the package 'resemblyzer'"
        in weights.missing_parts(MEASURES["resemblyzer"])[0]
    )


@pytest.mark.parametrize("card", METRICS.values(), ids=lambda card: card.name)
def test_cards_are_consistent(card):
    assert card.direction in ("up", "down", "none")
    assert needed_measure(card) in MEASURES and MEASURES[card.measure].version >= 1
    same = [other.position for other in METRICS.values() if other.measure == card.measure]
    if MEASURES[card.measure].kind in ("derived", "embedding"):
        assert card.position == 0
    else:
        assert len(set(same)) == len(same)  # no two columns show one value
    if card.direction == "up" and card.measure != "improvement":
        # No output may score below a missing one.
        assert card.penalty == card.low
    if card.direction == "down":
        assert card.penalty == card.high


@pytest.mark.parametrize("name", list(WHEEL_WEIGHTS))
def test_weights_of_wheels_are_the_measured_ones(name):
    assert weights.weight_sha256(name).startswith(WHEEL_WEIGHTS[name].sha256)


def test_hash_of_a_folder_follows_names_and_contents(tmp_path):
    (tmp_path / "a").write_text("1")
    first = weights.sha256(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert weights.sha256(tmp_path) != first

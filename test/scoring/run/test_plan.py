import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure import weights
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.plan import make_plan
from espnet_tse.scoring.run.presets import PRESETS

TONE = 0.1 * np.sin(np.arange(16000) / 5)


@pytest.fixture
def options(tmp_path, write_set):
    """A complete set of two utterances."""
    scps = {
        name: write_set(name, {"u1": TONE, "u2": TONE[:8000]})
        for name in ("inf", "ref", "mix", "enroll", "intf")
    }
    intf = scps.pop("intf")
    (tmp_path / "utt2spk").write_text("u1 a\nu2 b\n")
    (tmp_path / "text").write_text("u1 one two\nu2 three\n")
    paths = {f"{name}_scp": path for name, path in scps.items()}
    return ScoringOptions(
        **paths, intf_scp=(intf,), utt2spk=tmp_path / "utt2spk", output_dir=tmp_path / "out"
    )


def test_utterances_are_paired_by_key_not_by_order(options, tmp_path):
    lines = options.inf_scp.read_text().splitlines()
    options.inf_scp.write_text("\n".join(reversed(lines)) + "\n")
    plan = make_plan(options)
    assert [(u.key, u.inf.split("/")[-1], u.ref.split("/")[-1]) for u in plan.utterances] == [
        ("u1", "u1.wav", "u1.wav"),
        ("u2", "u2.wav", "u2.wav"),
    ]
    assert plan.utterances[0].duration_s == 1.0 and plan.speakers == {"u1": "a", "u2": "b"}
    assert plan.worker.metrics == tuple(n for n in PRESETS["offline"].metrics if not n.startswith("absent"))
    assert not plan.not_available


def test_missing_inputs_make_metrics_unavailable_with_one_line(options, caplog):
    caplog.set_level(logging.INFO)
    plan = make_plan(replace(options, mix_scp=None, enroll_scp=None, intf_scp=()))
    assert set(plan.not_available) == {
        "si_sdr_i",
        "sdr_i",
        "fail_rate",
        "spk_resemblyzer_enroll",
        "conf_rate",
        "conf_si_sdr",
    }
    lines = [record.message for record in caplog.records if record.message.startswith("n/a")]
    assert len(lines) == 1 and "; conf_rate, conf_si_sdr (needs --intf_scp); " in lines[0]
    assert lines[0].endswith("; absent_leak, absent_activity (needs --absent)")
    only = make_plan(replace(options, ref_scp=None, mix_scp=None, intf_scp=()))
    assert "si_sdr" not in only.worker.metrics and "spk_resemblyzer_enroll" in only.worker.metrics


def test_real_time_factors_are_a_column_and_part_no_results(options, tmp_path):
    plain = make_plan(options)
    noted = replace(options, utt2rtf=tmp_path / "utt2rtf")
    noted.utt2rtf.write_text("u1 0.25\nother 3\n")
    plan = make_plan(noted)
    assert plan.worker.metrics == (*plain.worker.metrics, "rtf") and plan.signature == plain.signature
    assert [utterance.rtf for utterance in plan.utterances] == [0.25, None]
    for content, message in (
        ("u1 fast\n", "utt2rtf: key 'u1': 'fast' is no real-time factor; fix the line"),
        ("u1 -1\n", "'-1' is no real-time factor"),
        ("other 3\n", "has a value for none of the 2 utterances; its keys are other"),
    ):
        noted.utt2rtf.write_text(content)
        with pytest.raises(DataError, match=message):
            make_plan(noted)
    with pytest.raises(DataError, match="rtf was asked for by name but needs --utt2rtf"):
        make_plan(replace(options, metrics="+rtf"))


def test_asked_for_by_name_and_impossible_is_an_error(options):
    with pytest.raises(DataError, match="conf_rate was asked for by name but needs --intf_scp"):
        make_plan(replace(options, intf_scp=(), metrics="+conf_rate"))


def drop_line(path, key):
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines() if line.split()[0] != key))


def test_missing_estimates(options, caplog):
    drop_line(options.inf_scp, "u2")
    with pytest.raises(DataError, match=r"inf.scp: lacks 1 of 2 keys of .*ref.scp: u2. .*--missing penalize"):
        make_plan(options)
    plan = make_plan(replace(options, missing="penalize"))
    assert [u.inf is None for u in plan.utterances] == [False, True]
    assert "get the penalties: u2" in caplog.text


def test_estimates_whose_files_are_not_there(options, caplog):
    options.inf_scp.write_text(options.inf_scp.read_text().replace("u2.wav", "none.wav"))
    with pytest.raises(
        DataError,
        match=r"inf.scp: 1 of 2 files do not exist, are empty or are cut short \(u2\); key 'u2': .*none.wav. Fix the",
    ):
        make_plan(options)
    plan = make_plan(replace(options, missing="penalize"))
    assert [u.inf is None for u in plan.utterances] == [False, True]
    assert "1 of 2 estimates are missing and get the penalties: u2" in caplog.text


def test_additional_estimates_are_ignored(options, caplog):
    drop_line(options.ref_scp, "u2")
    assert [u.key for u in make_plan(options).utterances] == ["u1"]
    assert "ignored: u2" in caplog.text


@pytest.mark.parametrize("name", ["mix_scp", "enroll_scp", "utt2spk"])
def test_data_files_must_have_every_key(options, name):
    drop_line(getattr(options, name), "u1")
    with pytest.raises(DataError, match="lacks 1 of 2 keys.*: u1"):
        make_plan(options)


def test_each_utterance_needs_one_interferer(options, write_set):
    drop_line(options.intf_scp[0], "u1")
    with pytest.raises(DataError, match="no interferer for 1 of 2 keys: u1"):
        make_plan(options)
    second = write_set("spk3", {"u1": TONE})
    plan = make_plan(replace(options, intf_scp=(*options.intf_scp, second)))
    assert [len(u.intf) for u in plan.utterances] == [1, 1]


@pytest.mark.parametrize(
    "line, message",
    [
        ("u1 cat a.wav |", "is a command pipe"),
        ("u1", "has no value"),
        ("u1 a.wav\nu1 b.wav", "duplicate key"),
        ("u1 *123 spk", "dynamic enrollment"),
        ("", "is empty"),
    ],
)
def test_bad_lists(options, line, message):
    options.ref_scp.write_text(f"{line}\n")
    with pytest.raises(DataError, match=message):
        make_plan(options)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"level": "rms:loud"}, "--level rms:loud"),
        ({"level": "rms:--26"}, "--level rms:--26"),
        ({"level": "rms:²"}, "--level rms:²"),
        ({"level": "max"}, "none, peak or rms"),
        ({"length": "max"}, "--length max: use one of ref, min, strict"),
        ({"align": "dtw"}, "--align dtw"),
        ({"missing": "ignore"}, "--missing ignore"),
        ({"text_norm": "mine"}, "--text_norm mine"),
        ({"nj": 0}, "--nj 0"),
        ({"model_dir": Path("/nowhere")}, "--model_dir /nowhere: no such folder"),
        ({"dnsmos_dir": Path("/nowhere")}, "--dnsmos_dir /nowhere: no such folder"),
        ({"ci_unit": "spk", "utt2spk": None}, "give --utt2spk"),
        ({"asr": ("whisper:x",)}, "--asr whisper:x: not there; --model_dir is not given; get it with: curl"),
        ({"asr": ("pocketsphinx", "pocketsphinx")}, "two recognisers named pocketsphinx; name one by :tag="),
        ({"align": "xcorr", "ref_scp": None}, "--align xcorr aligns with the target"),
        ({"asr": ("pocketsphinx",), "ref_scp": None, "mix_scp": None}, "needs --text"),
    ],
)
def test_bad_options(options, change, message):
    with pytest.raises(DataError, match=message):
        make_plan(replace(options, **change))


def test_text_must_have_every_key_and_may_be_too_long(options, tmp_path, caplog):
    path = tmp_path / "text"
    with pytest.raises(DataError, match="needs --text"):
        make_plan(replace(options, asr=(f"external:{path}",)))
    plan = make_plan(replace(options, text=path, asr=(f"external:{path},{path}",)))
    assert plan.external["external"]["target"]["u2"] == "three"
    path.write_text("u1 " + "word " * 20 + "\nu2 three\n")
    make_plan(replace(options, text=path))
    assert "words a second" in caplog.text
    path.write_text("u1 one\n")
    with pytest.raises(DataError, match="lacks 1 of 2 keys: u2"):
        make_plan(replace(options, text=path))


def test_low_rates_change_the_metrics(options, write_set):
    slow = write_set("low", {"u1": TONE, "u2": TONE}, rate=8000)
    # An estimate of a lower rate has lost something; that switches nothing off.
    assert not make_plan(replace(options, inf_scp=slow)).low_band
    low = replace(options, ref_scp=slow)
    plan = make_plan(low)
    assert plan.low_band and "pesq_nb" in plan.worker.metrics and "pesq" not in plan.worker.metrics
    assert "below 16 kHz" in plan.not_available["dnsmos_ovrl"]
    assert "dnsmos_ovrl" in make_plan(replace(low, allow_upsample=True)).worker.metrics
    with pytest.raises(DataError, match="pdnsmos_sig was asked for by name but data below 16 kHz"):
        make_plan(replace(low, metrics="+pdnsmos_sig"))


def test_missing_packages_are_errors_unless_told_otherwise(options, monkeypatch):
    real = weights.package_version
    monkeypatch.setattr(weights, "package_version", lambda name: None if name == "pesq" else real(name))
    with pytest.raises(DataError, match="pesq: package 'pesq' is not installed.*--skip_unavailable"):
        make_plan(options)
    plan = make_plan(replace(options, skip_unavailable=True))
    assert "pesq" not in plan.worker.metrics and "pesq" in plan.not_available
    with pytest.raises(DataError, match="asked for by name"):
        make_plan(replace(options, skip_unavailable=True, metrics="+pesq"))


def test_signature_follows_settings_not_places(options, tmp_path):
    signature = make_plan(options).signature
    assert make_plan(replace(options, nj=4, output_dir=tmp_path / "other", system="x")).signature == signature
    assert make_plan(replace(options, level="peak")).signature != signature
    assert make_plan(replace(options, metrics="-pesq")).signature != signature


def test_unknown_weights_are_scored_with_a_warning(options, tmp_path, caplog):
    for name in ("dnsmos_models/sig_bak_ovr.onnx", "dnsmos_models/model_v8.onnx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("other")
    make_plan(replace(options, metrics="dnsmos_ovrl", dnsmos_dir=tmp_path))
    assert "model_v8.onnx is not the known file" in caplog.text

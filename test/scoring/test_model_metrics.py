"""Metrics that need local weights, and recognisers, from the options of ``score`` to values: on tiny models."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.measure.weight_files import LOCAL_WEIGHTS, WEIGHTS
from espnet_tse.scoring.result.aggregate import aggregate
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.plan import make_plan
from espnet_tse.scoring.run.worker import UtteranceScorer

pytestmark = pytest.mark.usefixtures("no_network")

SPEAKER = ("spk_wavlm", "spk_wespeaker", "spk_wespeaker01")
NAMES = ["nisqa", "nisqa_loud", "sbs", "sbs_r", "sbs_f1", *SPEAKER, *(f"{name}_enroll" for name in SPEAKER)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, speech, other_speech):
    """Lists of one utterance, and its audio."""
    folder = tmp_path_factory.mktemp("audio")
    audio = {"ref": speech, "enroll": speech[20000:60000], "intf": other_speech, "inf": speech + other_speech}
    for name, samples in audio.items():
        soundfile.write(folder / f"{name}.wav", samples[:48000], 16000, subtype="FLOAT")
        (folder / f"{name}.scp").write_text(f"u {folder / name}.wav\n")
    return folder


@pytest.fixture(scope="module")
def options(folder, models):
    """All of it, with weights that are smaller than the published ones."""
    for relative in ("nisqa/nisqa.tar", "hf/hubert-base-ls960", "hf/wavlm-base-plus-sv", "whisper/tiny.pt"):
        models(relative)
    wespeaker = models("wespeaker/voxceleb_resnet221_LM.onnx")
    models("faster-whisper/tiny")
    with pytest.MonkeyPatch.context() as patch:
        for name, weight in LOCAL_WEIGHTS.items():
            patch.setitem(WEIGHTS, name, replace(weight, min_bytes=1))
        yield ScoringOptions(
            output_dir=folder / "out",
            **{f"{name}_scp": folder / f"{name}.scp" for name in ("inf", "ref", "enroll")},
            metrics=",".join(NAMES),
            model_dir=wespeaker.parents[1],
            asr=("whisper:tiny", "faster_whisper:tiny", "hf_whisper:whisper-tiny"),
        )


@pytest.fixture(scope="module")
def plan(options):
    return make_plan(options)


@pytest.fixture(scope="module")
def records(plan, folder):
    """Records of the target itself, of the mixture and of a file that is not there."""
    scorer = UtteranceScorer(plan.worker)
    entries = {"target": f"{folder}/ref.wav", "mixture": f"{folder}/inf.wav", "missing": None}
    data = {"ref": f"{folder}/ref.wav", "enroll": f"{folder}/enroll.wav"}
    records = {name: scorer.score(Utterance("u", entry, **data)) for name, entry in entries.items()}
    scorer.close()
    return records


def test_the_target_reaches_the_ceilings(records):
    for name, outcome in records["target"].outcomes.items():
        assert outcome.fault is None and np.isfinite(outcome.value), name
        if METRICS[name].ceiling is not None:
            assert outcome.value == pytest.approx(METRICS[name].ceiling, abs=1e-6), name


def test_the_mixture_stays_below(records):
    values = {name: outcome.value for name, outcome in records["mixture"].outcomes.items()}
    for name in ("sbs", "sbs_r", "sbs_f1", *SPEAKER):
        assert values[name] < 1.0, name
    precision, recall = values["sbs"], values["sbs_r"]
    assert values["sbs_f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    for side in ("", "_enroll"):
        assert values[f"spk_wespeaker01{side}"] == pytest.approx((values[f"spk_wespeaker{side}"] + 1) / 2)


def test_a_missing_output_gets_the_penalties_and_no_words(records):
    for name, outcome in records["missing"].outcomes.items():
        assert outcome.penalised and outcome.value == METRICS[name].penalty, name
    assert all(set(texts) == {"target"} for texts in records["missing"].texts.values())


def test_every_recogniser_has_its_own_column(plan, records):
    tags = ["whisper_tiny", "faster_whisper_tiny", "hf_whisper_tiny"]
    assert list(records["target"].texts) == tags
    for texts in records["target"].texts.values():
        assert texts["estimate"] == texts["target"] != ""
    wer = aggregate(plan, {"u": records["target"]}).wer
    assert list(wer) == [f"dwer_{tag}" for tag in tags]
    assert all(
        entry["corpus"] == 0.0 and entry["norm"] == "whisper_en" for entry in wer.values() if entry["n"]
    )


def test_characters_instead_of_words(options, records):
    plan = make_plan(replace(options, unit="char", text_norm="none"))
    column = aggregate(plan, {"u": records["target"]}).wer["dcer_whisper_tiny"]
    assert column["nref"] == len(records["target"].texts["whisper_tiny"]["target"].replace(" ", ""))


def test_a_second_run_computes_nothing(options, plan, folder, records):
    # The tag names a column; texts are remembered by the recogniser's weights and settings.
    renamed = ("whisper:tiny:tag=other", *options.asr[1:])
    scorer = UtteranceScorer(make_plan(replace(options, asr=renamed)).worker)
    record = scorer.score(
        Utterance("u", f"{folder}/inf.wav", f"{folder}/ref.wav", enroll=f"{folder}/enroll.wav")
    )
    scorer.close()
    assert record.computed == 0 and record.outcomes == records["mixture"].outcomes
    assert record.texts["other"] == records["mixture"].texts["whisper_tiny"]


def test_results_name_weights_and_settings(plan):
    assert len(plan.measures["nisqa"]["weights_sha256"]["nisqa"]) == 64
    whisper = plan.measures["asr:whisper_tiny"]
    assert whisper["settings"]["decode"] == "strict" and set(whisper["packages"]) == {
        "torch",
        "openai-whisper",
    }
    assert list(whisper["weights_sha256"]) == ["tiny.pt"]


def test_files_of_published_names_with_other_contents_are_told(options, caplog):
    make_plan(options)
    assert "tiny.pt is not the known file" in caplog.text


def test_other_settings_are_another_protocol(options, plan):
    assert make_plan(options).signature == plan.signature
    other = ("whisper:tiny:decode=paper", *options.asr[1:])
    assert make_plan(replace(options, asr=other)).signature != plan.signature


def test_long_estimates_are_flagged(plan, folder, noisy):
    soundfile.write(folder / "long.wav", np.resize(noisy, 53 * 16000), 16000, subtype="FLOAT")
    only = replace(plan.worker, metrics=("nisqa",), recognisers=())
    scorer = UtteranceScorer(only)
    record = scorer.score(Utterance("u", f"{folder}/long.wav", f"{folder}/ref.wav"))
    scorer.close()
    assert record.flags == ["chunked:nisqa"] and record.outcomes["nisqa"].fault is None


def test_missing_weights_stop_before_any_scoring(options, tmp_path):
    empty = replace(options, model_dir=tmp_path, asr=())
    with pytest.raises(
        DataError, match=r"nisqa was asked for by name but weights nisqa/nisqa.tar are not in --model_dir"
    ):
        make_plan(empty)
    preset = replace(empty, metrics="", preset="unise")
    with pytest.raises(
        DataError, match=r"utmos: weights utmos/hubconf.py .*git clone.*; .*, or pass --skip_unavailable"
    ):
        make_plan(preset)
    left = make_plan(replace(preset, skip_unavailable=True))
    assert set(left.not_available) == {"nisqa", "utmos", "spk_wavlm"} and "dnsmos_sig" in left.worker.metrics
    skipped = make_plan(replace(preset, preset="laura", skip_unavailable=True))
    assert "--asr whisper:base" in skipped.not_available["wer_whisper_base"]

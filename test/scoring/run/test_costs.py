from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from espnet_tse.scoring.asr.option import parse_asr
from espnet_tse.scoring.measure.dnsmos import RATE, split_windows
from espnet_tse.scoring.run.costs import dnsmos_windows, estimate_seconds, num_signals
from espnet_tse.scoring.run.job import Utterance


def make_plan(metrics, measures, duration_s=5.0, recognisers=()):
    utterance = Utterance("u", "inf", "ref", "mix", "enroll", ("a", "b"), duration_s)
    worker = SimpleNamespace(metrics=metrics, recognisers=recognisers, speaker_model="resemblyzer")
    return SimpleNamespace(worker=worker, utterances=[utterance], measures=dict.fromkeys(measures))


@pytest.mark.parametrize("seconds", [2, 3, 4.5, 4.6, 5, 9, 10, 11, 12, 15])
def test_windows_are_those_that_dnsmos_takes(seconds):
    import numpy as np

    assert dnsmos_windows(seconds) == len(split_windows(np.zeros(int(seconds * RATE))))


@pytest.mark.parametrize(
    "metrics, measure, count",
    [
        (("si_sdr",), "si_sdr", 1),
        (("si_sdr", "si_sdr_i"), "si_sdr", 2),
        (("spk_wavlm",), "wavlm_sv", 2),
        (("spk_wavlm", "spk_wavlm_enroll"), "wavlm_sv", 3),
        (("spk_resemblyzer", "conf_rate"), "resemblyzer", 4),
        (("nisqa",), "nisqa", 1),
        (("nisqa",), "asr:whisper_base", 2),
    ],
)
def test_signals_that_a_measure_runs_on(metrics, measure, count):
    plan = make_plan(metrics, [measure])
    assert num_signals(plan, measure, plan.utterances[0]) == count


def test_seconds_add_up(tmp_path):
    assert estimate_seconds(make_plan(("nisqa",), ["nisqa"], 10.0)) == pytest.approx(0.088)
    assert estimate_seconds(make_plan(("dnsmos_sig",), ["dnsmos"], 3.0)) == pytest.approx(1.34 * 0.184)
    path = Path(tmp_path / "base.pt")
    with path.open("wb") as file:
        file.truncate(145_000_000)
    spec = replace(parse_asr("whisper:base"), weights=path)
    # Whisper hears 30 s at once, however short the file: target and estimate.
    for duration_s, windows in ((2.0, 1), (31.0, 2)):
        plan = make_plan((), [spec.measure], duration_s, (spec,))
        assert estimate_seconds(plan) == pytest.approx(2 * windows * 1.57)

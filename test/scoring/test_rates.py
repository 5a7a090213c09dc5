"""Measures at the sample rate of the data: what the reference packages give for the files as they are."""

import json

import numpy as np
import pytest

from espnet_tse.bin import report, score
from espnet_tse.io.audio import resample
from espnet_tse.scoring.measure.measures import make_measure
from test.scoring.conftest import harmonic_voice

METRICS = "si_sdr,si_sdr_i,sdr,sdr_i,pesq_nb,stoi,estoi,fail_rate,over_suppression,len_ratio"
COUNT = {"u1": 4.0, "u2": 3.0}  # seconds


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """scored(rate, estimate rate, metrics) -> rows of scores.jsonl by key, result.json, and the signals by role."""
    import soundfile

    def run(rate, estimate_rate=None, metrics=METRICS, **written):
        folder = tmp_path_factory.mktemp("rates")
        rng = np.random.default_rng(7)
        signals = {"ref": {}, "mix": {}, "inf": {}}
        for index, (key, seconds) in enumerate(COUNT.items()):
            target = harmonic_voice(110.0 + 10 * index)[: int(seconds * 16000)]
            other = harmonic_voice(230.0, tilt=0.5)[: int(seconds * 16000)]
            noise = 0.01 * rng.standard_normal(len(target))
            roles = {"ref": target, "mix": target + other, "inf": target + 0.2 * other + noise}
            for role, samples in roles.items():
                here = (estimate_rate or rate) if role == "inf" else rate
                signals[role][key] = resample(samples, 16000, here)
                soundfile.write(folder / f"{role}_{key}.wav", signals[role][key], here, subtype="DOUBLE")
        for role in signals:
            (folder / f"{role}.scp").write_text("".join(f"{k} {folder / role}_{k}.wav\n" for k in COUNT))
        lists = [f"--{role}_scp={folder / role}.scp" for role in signals]
        options = [f"--metrics={metrics}", f"--output_dir={folder / 'scoring'}", "--system=A", "--test_set=t"]
        assert score.main([*lists, *options]) == 0
        lines = (folder / "scoring" / "scores.jsonl").read_text().splitlines()
        rows = {row["utt"]: row for row in map(json.loads, lines)}
        return rows, json.loads((folder / "scoring" / "result.json").read_text()), signals, folder

    return run


def test_data_at_8_khz_are_measured_as_they_are(scored):
    fast_bss_eval = pytest.importorskip("fast_bss_eval", reason="pip install -e '.[test]'")
    pesq = pytest.importorskip("pesq", reason="pip install -e '.[score]'")
    pystoi = pytest.importorskip("pystoi", reason="pip install -e '.[score]'")
    rows, result, signals, folder = scored(8000)
    for key, row in rows.items():
        target, mixture, estimate = (signals[role][key] for role in ("ref", "mix", "inf"))
        expected = [
            float(fast_bss_eval.sdr(target[None], x[None], clamp_db=100)[0]) for x in (estimate, mixture)
        ]
        assert row["sdr"] == pytest.approx(expected[0], abs=1e-3)
        assert row["sdr_i"] == pytest.approx(expected[0] - expected[1], abs=1e-3)
        assert row["pesq_nb"] == pytest.approx(pesq.pesq(8000, target, estimate, "nb"), abs=1e-4)
        assert row["stoi"] == pytest.approx(pystoi.stoi(target, estimate, 8000), abs=1e-4)
        assert row["estoi"] == pytest.approx(pystoi.stoi(target, estimate, 8000, extended=True), abs=1e-4)
        wide = [resample(x, 8000, 16000) for x in (target, estimate)]
        assert row["over_suppression"] == pytest.approx(make_measure("over_suppression", {})(*wide), abs=1e-6)
    protocol, settings = result["meta"]["protocol"], result["meta"]["settings"]
    assert protocol["rate"] == settings["rate"] == 8000 and protocol["bandwidth"] == "8k"
    assert report.main([f"--results={folder / 'scoring'}", f"--output={folder / 'RESULTS.md'}"]) == 0
    assert "are computed at the data's own 8000 Hz; PESQ-nb at 8 kHz" in (folder / "RESULTS.md").read_text()


@pytest.mark.parametrize("rate, estimate_rate", [(8000, 16000), (16000, 48000), (48000, 48000)])
def test_the_rate_is_the_targets(scored, rate, estimate_rate):
    rows, result, signals, _ = scored(rate, estimate_rate, "si_sdr,len_ratio")
    assert result["meta"]["protocol"]["rate"] == rate
    for key, row in rows.items():
        estimate = resample(signals["inf"][key], estimate_rate, rate)
        expected = make_measure("si_sdr", {})(signals["ref"][key], estimate, rate)
        assert row["si_sdr"] == pytest.approx(expected, abs=1e-6) and row["len_ratio"] == 1.0


def test_results_of_another_rate_do_not_compare(scored, tmp_path, capsys):
    folders = [scored(rate, metrics="si_sdr")[3] / "scoring" for rate in (16000, 48000)]
    assert score.main(["--compare", *map(str, folders), f"--output_dir={tmp_path}"]) != 0

"""Whole runs in processes: the same bytes for any number of jobs, resuming, failures."""

import json
import logging
import os
import re
from dataclasses import replace

import numpy as np
import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.result import score_system as score_system_module
from espnet_tse.scoring.result.score_system import score_system
from espnet_tse.scoring.result.source_version import source_commit
from espnet_tse.scoring.run import job_pool, runner
from espnet_tse.scoring.run.external_scores import read_external
from espnet_tse.scoring.run.job_pool import JobError
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.plan import make_plan
from espnet_tse.scoring.run.runner import run_shard

METRICS = "si_sdr,si_sdr_i,sdr,pesq,fail_rate,len_ratio,est_dbfs"
KEYS = [f"u{i:02d}" for i in range(9)]


@pytest.fixture
def options(tmp_path, write_set, speech, noise, monkeypatch):
    """Nine utterances, among them a silent, a NaN and a missing estimate, a silent and a short target."""
    monkeypatch.setattr(job_pool, "MIN_UTTERANCES_PER_JOB", 1)
    target = {key: speech[: 16000 + 1600 * i] for i, key in enumerate(KEYS)}
    estimate = {key: x + noise[: len(x)] * 0.3 * i for i, (key, x) in enumerate(target.items())}
    estimate["u01"] = np.zeros(16000)
    estimate["u02"] = np.append(estimate["u02"], np.nan)
    del estimate["u03"]
    target["u04"] = np.zeros(16000)
    target["u05"] = target["u05"][:3200]
    mixture = {key: speech[: len(x)] + noise[: len(x)] for key, x in target.items()}
    (tmp_path / "text").write_text("".join(f"{key} one two three\n" for key in KEYS))
    (tmp_path / "hyp").write_text("".join(f"{key} one too three\n" for key in KEYS))
    return ScoringOptions(
        inf_scp=write_set("inf", estimate),
        ref_scp=write_set("ref", target),
        mix_scp=write_set("mix", mixture),
        text=tmp_path / "text",
        asr=(f"external:{tmp_path / 'hyp'}",),
        output_dir=tmp_path / "out1",
        metrics=METRICS,
        missing="penalize",
        force=True,
        cache_dir=tmp_path / "shared",
    )


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def strict_json(text):
    def refuse(literal):
        raise AssertionError(f"{literal} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_run_is_complete_reproducible_and_resumes(options, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert score_system(make_plan(options)) == 0
    first = files_of(options.output_dir)

    # Every per-utterance file holds every key.
    names = METRICS.split(",")
    for name in names:
        lines = first[name].decode().splitlines()
        assert [line.split()[0] for line in lines] == KEYS, name
    assert [line.split()[0] for line in first["wer_external"].decode().splitlines()] == KEYS
    rows = [strict_json(line) for line in first["scores.jsonl"].decode().splitlines()]
    assert [row["utt"] for row in rows] == KEYS and all(set(row) == set(rows[0]) for row in rows)
    assert rows[0]["si_sdr"] == 100.0 and rows[1]["pesq"] == 1.0 and rows[4]["pesq"] is None
    for name in rows[0]:  # a column from a file could take its place
        with pytest.raises(DataError, match="is a name of this scorer's own"):
            read_external(f"{name}=scores")
    assert "failed:est" in rows[3]["flags"] and "u04 nan" in first["pesq"].decode()

    # Counts as the policy has them: three estimates fail, two targets exclude.
    result = strict_json(first["result.json"])
    for name in ("si_sdr", "si_sdr_i", "pesq", "fail_rate"):
        entry = result["metrics"][name]
        assert (entry["n"], entry["n_penalized"], entry["n_excluded"]) == (7, 3, 2), name
    assert result["wer"]["wer_external"]["del"] == 9 and result["wer"]["wer_external"]["sub"] == 6
    failed = [line.split(" ", 3) for line in first["failed"].decode().splitlines()]
    assert {(key, kind) for key, name, kind, _ in failed if name == "pesq"} == {
        ("u01", "est"),
        ("u02", "est"),
        ("u03", "est"),
        ("u04", "ref"),
        ("u05", "ref"),
    }
    mean = np.mean([row["pesq"] for row in rows if row["pesq"] is not None])
    assert float(first["result_pesq.txt"]) == pytest.approx(mean, abs=1e-5)
    assert result["metrics"]["pesq"]["mean"] == pytest.approx(mean, abs=1e-5)
    meta = result["meta"]
    assert (meta["n"], meta["preset"], meta["inputs"]["ref_scp"]) == (9, "offline", str(options.ref_scp))
    assert meta["inputs"]["intf_scp"] == [] and meta["inputs"]["enroll_scp"] is None
    used = {column: set(inputs) for column, inputs in meta["protocol"]["inputs"].items()}
    assert used == {"si_sdr_i": {"mix"}, "fail_rate": {"mix"}, "wer_external": {"text"}}
    assert meta["commit"] == source_commit()
    assert set(meta["versions"]) >= {"python", "numpy", "espnet_tse", "pesq"}

    # Any number of jobs, from nothing: the same bytes.
    three = replace(options, output_dir=tmp_path / "out3", cache_dir=None, nj=3)
    assert score_system(make_plan(three)) == 0
    assert "3 job(s)" in caplog.text
    assert files_of(three.output_dir) == first

    # Again: nothing is computed. One estimate changed in one sample: nothing but that one.
    import soundfile

    caplog.clear()
    assert (
        score_system(make_plan(options)) == 0
        and ": 0 values computed, 7 utterances whole from the cache, 2 without" in caplog.text
    )
    assert files_of(options.output_dir) == first
    path = str(tmp_path / "inf" / "u08.wav")
    samples, rate = soundfile.read(path, dtype="float32")
    samples[100] += 0.01
    soundfile.write(path, samples, rate, subtype="FLOAT")
    caplog.clear()
    assert score_system(make_plan(options)) == 0 and ": 3 values computed, 6 utterances whole" in caplog.text
    changed = [
        strict_json(line) for line in files_of(options.output_dir)["scores.jsonl"].decode().splitlines()
    ]
    assert changed[:8] == rows[:8] and changed[8]["si_sdr"] != rows[8]["si_sdr"]

    # Files of metrics that are scored no longer go away.
    assert score_system(make_plan(replace(options, metrics="si_sdr", asr=(), text=None))) == 0
    left = set(files_of(options.output_dir))
    assert left == {"si_sdr", "result_si_sdr.txt", "failed", "scores.jsonl", "result.json"}


def test_files_that_the_scorer_did_not_write_stay(options):
    folder = options.output_dir
    (folder / "ref_wav").mkdir(parents=True)
    for name in ("hyp_mine.txt", "result_mine.txt", "mine", "align_mine"):
        (folder / name).write_text("".join(f"{key} one\n" for key in KEYS))
    texts = (f"external:{folder / 'hyp_mine.txt'}",)
    assert score_system(make_plan(replace(options, metrics="si_sdr", asr=texts))) == 0
    # What it did write goes away, except where it is read now.
    texts = (f"external:{folder / 'hyp_external.txt'}:tag=again",)
    assert score_system(make_plan(replace(options, metrics="si_sdr", asr=texts))) == 0
    left = {path.name for path in folder.iterdir()}
    assert left >= {"ref_wav", "hyp_mine.txt", "result_mine.txt", "mine", "align_mine", "wer_again"}
    assert {name for name in left if "external" in name} == {"hyp_external.txt"}


@pytest.mark.parametrize("column", ["mos", "scores.jsonl", "hyp_external.txt"])
def test_inputs_are_not_overwritten(options, column):
    options.output_dir.mkdir()
    path = options.output_dir / column
    path.write_text('{"utt": "u00", "mos": 1}\n' if column == "scores.jsonl" else "u00 1\n")
    given = {"asr": (f"external:{path}",)} if column.startswith("hyp") else {"external": (f"mos={path}",)}
    with pytest.raises(DataError, match=f"{column}: is read here, and the results would overwrite it"):
        score_system(make_plan(replace(options, metrics="si_sdr", **given)))


# Python imports it in every job process: opening the estimate of u07 kills them.
DEADLY = """
import os, signal, sys

def hook(name, arguments):
    if name == "open" and str(arguments[0]).endswith("inf/u07.wav"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
"""


@pytest.fixture
def deadly(options, tmp_path, monkeypatch):
    """Options by which every process that opens the estimate of u07 is killed."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
    return replace(options, metrics="si_sdr,si_sdr_i", cache_dir=None)


def test_a_crash_costs_one_utterance(options, deadly, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert score_system(make_plan(deadly)) == 0
    assert "1 utterance(s) killed their process, see 'crash' in failed: u07" in caplog.text
    rows = {row["utt"]: row for row in map(json.loads, (options.output_dir / "scores.jsonl").open())}
    assert rows["u07"]["si_sdr"] == -100.0 and rows["u07"]["wer_external"] == 1.0
    assert rows["u07"]["si_sdr_i"] == pytest.approx(-100.0 - rows["u07"]["input_sir_db"], abs=1e-5)
    assert rows["u08"]["si_sdr"] > 0 and rows["u00"]["si_sdr"] == 100.0
    failed = (options.output_dir / "failed").read_text()
    assert "u07 si_sdr crash the scoring process was killed, twice" in failed and "u08" not in failed


def test_many_crashes_end_the_run_and_its_work_is_kept(deadly, tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(job_pool, "MAX_CRASHES", 0)
    with pytest.raises(JobError, match="run the same command again"):
        score_system(make_plan(deadly))
    assert not (deadly.output_dir / "result.json").exists()
    monkeypatch.delenv("PYTHONPATH")
    assert (
        score_system(make_plan(deadly)) == 0 and "6 utterances whole from the cache, 2 without" in caplog.text
    )
    # The same bytes as of a run that nothing ended.
    whole = replace(deadly, output_dir=tmp_path / "whole")
    assert score_system(make_plan(whole)) == 0 and files_of(whole.output_dir) == files_of(deadly.output_dir)


def test_an_unchanged_run_reads_no_audio_and_writes_the_same(options, monkeypatch):
    def names_of_caches():
        return {path.name for path in options.output_dir.glob(".cache/*.jsonl")}

    assert score_system(make_plan(options)) == 0
    first, caches = files_of(options.output_dir), names_of_caches()
    with monkeypatch.context() as patch:
        patch.setattr(runner, "JobPool", None)
        assert score_system(make_plan(options)) == 0
    assert files_of(options.output_dir) == first
    assert names_of_caches() == caches and len(caches) == 1  # not read and written anew
    with pytest.raises(TypeError), monkeypatch.context() as patch:
        patch.setattr(runner, "JobPool", None)
        score_system(make_plan(replace(options, resume=False)))


def test_progress_is_a_bar_with_the_time_to_go(options, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(runner, "PROGRESS_S", 0.0)
    assert score_system(make_plan(replace(options, metrics="si_sdr", asr=(), text=None))) == 0
    shown = [line for line in caplog.messages if line.startswith("scored [")]
    assert re.fullmatch(r"scored \[#*\.*\] 1/9 utterances, ETA after the next one", shown[0])
    assert re.fullmatch(r"scored \[#*\.*\] 2/9 utterances, ETA \d+:\d\d:\d\d", shown[1])
    assert "scored [####################] 9/9 utterances, ETA 0:00:00" in shown


def test_shards_fill_the_caches_and_a_plain_run_merges_them(options, caplog):
    caplog.set_level(logging.INFO)
    options = replace(options, metrics="si_sdr")
    for part in (1, 2):
        assert run_shard(make_plan(replace(options, shard=f"{part}/2"))) == 0
    assert "scoring 5 utterances" in caplog.text and "scoring 4 utterances" in caplog.text
    assert not (options.output_dir / "result.json").exists()
    assert score_system(make_plan(options)) == 0 and ": 0 values computed, 7 utterances whole" in caplog.text


def test_an_error_in_a_job_names_the_utterance(options, tmp_path):
    models = tmp_path / "dnsmos"
    for name in ("dnsmos_models/sig_bak_ovr.onnx", "dnsmos_models/model_v8.onnx"):
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        (models / name).write_text("no network")
    wrong = replace(options, metrics="dnsmos_ovrl", dnsmos_dir=models, asr=(), text=None)
    with pytest.raises(JobError, match=r"scoring utterance 'u\d\d' failed:\n.*Traceback"):
        score_system(make_plan(wrong))


def test_too_many_failures_end_with_an_error_unless_forced(options, caplog):
    strict = replace(options, force=False, metrics="si_sdr", asr=(), text=None, resume=False)
    assert score_system(make_plan(strict)) == 1
    assert "more than 10 % of the utterances failed in: si_sdr; first 'u01', estimate: silent" in caplog.text
    assert (options.output_dir / "result.json").exists()


def test_the_failure_that_is_shown_is_one_of_those_that_are_too_many(options, tmp_path, caplog):
    sound = {f"u{number:02d}" for number in (0, 6, 7, 8)}  # their estimates and targets
    for name in ("inf_scp", "ref_scp"):
        lines = getattr(options, name).read_text().splitlines(keepends=True)
        getattr(options, name).write_text("".join(line for line in lines if line.split()[0] in sound))
    (tmp_path / "hyp").write_text("u00 one\nu07 one\n")
    strict = replace(options, force=False, metrics="si_sdr", mix_scp=None)
    assert score_system(make_plan(strict)) == 1
    assert "failed in: wer_external; first 'u06', estimate: no line in the external text" in caplog.text


def test_an_interrupted_run_leaves_no_result_of_other_inputs(options, caplog, monkeypatch):
    def interrupted(plan, before_scoring):
        raise KeyboardInterrupt

    options = replace(options, metrics="si_sdr", asr=(), text=None)
    assert score_system(make_plan(options)) == 0
    monkeypatch.setattr(score_system_module, "score_changed", interrupted)
    result = options.output_dir / "result.json"
    with pytest.raises(KeyboardInterrupt):
        score_system(make_plan(options))
    with pytest.raises(KeyboardInterrupt):
        score_system(make_plan(replace(options, model_dir=options.inf_scp.parent)))
    assert result.exists()  # of the same inputs and settings
    other = options.inf_scp.with_name("other.scp")
    other.write_text(options.inf_scp.read_text())
    with pytest.raises(KeyboardInterrupt):
        score_system(make_plan(replace(options, inf_scp=other)))
    assert not result.exists() and (options.output_dir / "scores.jsonl").exists()
    result.write_text("{")
    with pytest.raises(KeyboardInterrupt):
        score_system(make_plan(options))
    assert not result.exists()


def test_an_interrupted_run_over_changed_files_leaves_no_result(options, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    options = replace(options, metrics="si_sdr", asr=(), text=None)
    assert score_system(make_plan(options)) == 0
    monkeypatch.setattr(runner, "JobPool", interrupted)
    assert score_system(make_plan(options)) == 0  # nothing is left to score
    estimate = options.inf_scp.with_suffix("") / "u08.wav"
    estimate.write_bytes(estimate.read_bytes())
    with pytest.raises(KeyboardInterrupt):
        score_system(make_plan(options))
    assert not (options.output_dir / "result.json").exists()


def test_two_runs_in_one_folder_are_refused(options):
    plan = make_plan(replace(options, metrics="si_sdr"))
    with score_system_module._only_one(plan.worker.estimate_cache), pytest.raises(
        DataError, match="another scoring run"
    ):
        score_system(plan)

"""A small scored experiment on disk, written by the format of the result files."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

SAMPLE_RATE = 16000
KEYS = [f"utt{number}" for number in range(1, 11)]


def write_scp(path: Path, entries: dict) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{key} {value}\n" for key, value in entries.items()), encoding="utf-8")
    return str(path)


def write_tones(folder: Path, frequency: float, duration_s: float = 0.4) -> dict[str, Path]:
    """One tone a key, so that signals can be distinguished by their samples."""
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    paths = {}
    for number, key in enumerate(KEYS):
        paths[key] = folder / f"{key}.wav"
        tone = 0.3 * np.sin(2 * np.pi * (frequency + 10 * number) * time)
        soundfile.write(paths[key], tone, SAMPLE_RATE, subtype="PCM_16")
    return paths


@pytest.fixture(scope="session")
def signals(tmp_path_factory):
    """Paths by kind of signal and key; written once, so tests must not change them."""
    folder = tmp_path_factory.mktemp("signals")
    frequencies = {"mix": 200, "spk1": 400, "enroll": 800, "system10": 1000, "system2": 2000, "codec": 3000}
    return {kind: write_tones(folder / kind, frequency) for kind, frequency in frequencies.items()}


@pytest.fixture
def write_result():
    """Write one scoring folder; returns the path of its result.json."""

    def write(
        folder: Path, system: str, test_set: str = "test", scores: dict | None = None, **changes
    ) -> Path:
        folder = folder / "scoring"
        folder.mkdir(parents=True)
        scores = scores or {}
        rows = []
        for number, key in enumerate(KEYS):
            row = {
                "utt": key,
                "spk": f"spk{number % 3}",
                "dur_ref": 0.4,
                "dur_est": 0.4,
                "len_ratio": 1.0,
                "flags": [],
            }
            row |= {name: mean + 0.01 * number for name, mean in scores.items()}
            rows.append(row)
        (folder / "scores.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
        )
        metrics = {
            name: {"mean": mean, "ci95": [mean - 0.1, mean + 0.2], "n": 10, "n_penalized": 0, "n_excluded": 0}
            for name, mean in scores.items()
        }
        meta = {
            "preset": "offline",
            "system": system,
            "test_set": test_set,
            "n": len(KEYS),
            "date": "2026-01-02T03:04:05",
            "versions": {"python": "3.11.9", "pesq": "0.0.4"},
            "commit": "0123abc",
            "signature": "one",
            "inputs": {},
        }
        content = {"meta": {**meta, **changes.pop("meta", {})}, "metrics": metrics, "wer": {}, **changes}
        path = folder / "result.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def exp_dir(tmp_path, signals, write_result):
    """mixture, a codec's resynthesis and two systems on one set, with audio and a training log."""
    data, exp = tmp_path / "dump", tmp_path / "exp"
    inputs = {
        "mix_scp": write_scp(data / "wav.scp", signals["mix"]),
        "ref_scp": write_scp(data / "spk1.scp", signals["spk1"]),
        "enroll_scp": write_scp(data / "enroll_spk1.scp", signals["enroll"]),
        "intf_scp": [],
    }
    systems = [
        ("system10", "tse_b/decode_test", 0.9),
        ("system2", "tse_a/decode_test", 0.8),
        ("codec resynthesis", "codec_a/resynthesis_test", 0.95),
    ]
    for system, folder, level in systems:
        out = exp / folder
        scp = write_scp(out / "wav.scp", signals[system.split()[0]])
        scores = {
            "spk_resemblyzer": level,
            "dnsmos_ovrl": 2 + level,
            "si_sdr": 10 * level,
            "conf_rate": 1 - level,
        }
        write_result(out, system, scores=scores, meta={"inputs": {**inputs, "inf_scp": scp}})
    mixture = {"spk_resemblyzer": 0.76, "dnsmos_ovrl": 2.4, "si_sdr": -0.5}
    write_result(
        exp / "mixture" / "test",
        "mixture",
        scores=mixture,
        meta={"inputs": {**inputs, "inf_scp": inputs["mix_scp"]}},
    )
    (exp / "tse_a" / "config.yaml").write_text("seed: 777\nmax_epoch: 3\n", encoding="utf-8")
    (exp / "tse_a" / "train.log").write_text(
        "".join(
            f"[host] 2026-01-02 03:04:05 (trainer:338) INFO: {epoch}epoch results: [train] iter_time=1e-04, "
            f"loss={8 / epoch}, acc={0.2 * epoch:.1f}, optim0_lr0=1.0e-04, train_time=0.4, time=9 seconds, "
            f"total_count=60, gpu_max_cached_mem_GB=0.000, [valid] loss={9 / epoch}, acc={0.1 * epoch:.1f}, "
            f"time=1.2 seconds, total_count=60, gpu_max_cached_mem_GB=0.000\n"
            for epoch in (1, 2, 3)
        ),
        encoding="utf-8",
    )
    return exp

import json

import pytest
import torch

from espnet_tse.io.scp import DataError, read_scp
from espnet_tse.tasks.extraction import process_peaks
from espnet_tse.tasks.extraction_merge import merge_shards


def write_shards(folder, *peaks):
    keys = [f"utt{part}" for part in range(1, len(peaks) + 1)]
    for part, (key, peak) in enumerate(zip(keys, peaks), 1):
        shard = folder / str(part)
        shard.mkdir(parents=True)
        (shard / "wav.scp").write_text(f"{key} {shard / key}.wav\n")
        counts = {"num_utterances": 1, "function_evaluations": 10, "num_frames": 100}
        content = {**counts, "audio_s": 4.0, "wall_s": 1.0, **peak, "settings": {"length_mode": "exact"}}
        (shard / "decode.json").write_text(json.dumps(content))
    mixtures = folder / "mixtures.scp"
    mixtures.write_text("".join(f"{key} {key}.wav\n" for key in keys))
    return mixtures


def merge(folder, *peaks):
    mixtures = write_shards(folder, *peaks)
    merge_shards(folder, str(mixtures), len(peaks))
    return json.loads((folder / "decode.json").read_text())


def test_merging_sums_counts_and_keeps_the_largest_peaks(tmp_path):
    decoded = merge(
        tmp_path,
        {"peak_memory_mb": 900.0, "gpu_peak_mb": 50.0},
        {"peak_memory_mb": 700.0, "gpu_peak_mb": 4000.0},
        {"peak_memory_mb": 800.0},  # resumed with nothing to do: no GPU was used
    )
    assert (decoded["peak_memory_mb"], decoded["gpu_peak_mb"]) == (900.0, 4000.0)
    assert (decoded["num_utterances"], decoded["num_frames"], decoded["num_shards"]) == (3, 300, 3)
    assert decoded["rtf"] == 0.25 and decoded["frames_per_s"] == 100.0
    assert sorted(read_scp(tmp_path / "wav.scp")) == ["utt1", "utt2", "utt3"]


def test_merging_leaves_out_what_the_list_does_not_hold_any_more(tmp_path, caplog):
    mixtures = write_shards(tmp_path, {"peak_memory_mb": 1.0}, {"peak_memory_mb": 2.0})
    mixtures.write_text("utt1 utt1.wav\n")
    merge_shards(tmp_path, str(mixtures), 2)
    assert list(read_scp(tmp_path / "wav.scp")) == ["utt1"]
    assert "1 estimates of keys that" in caplog.text and "the first is 'utt2'" in caplog.text


@pytest.mark.parametrize("odd", ["model", "codecs", "systems"])
def test_shards_of_other_models_are_not_merged(tmp_path, odd):
    mixtures = write_shards(tmp_path, {"peak_memory_mb": 1.0}, {"peak_memory_mb": 2.0})
    record = {"model": "m", "codecs": ["c"], "systems": [], "settings": {}, "inputs": {}}
    (tmp_path / "1/extraction.json").write_text(json.dumps(record))
    (tmp_path / "2/extraction.json").write_text(json.dumps({**record, odd: ["another"]}))
    with pytest.raises(DataError, match=rf"2/extraction.json: .* shard 1 \({odd}\); remove .*2 and run shard 2 of 2"):
        merge_shards(tmp_path, str(mixtures), 2)
    assert not (tmp_path / "wav.scp").exists()


def test_the_merging_process_reports_no_gpu_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 9 * 2**40)
    assert "gpu_peak_mb" not in merge(tmp_path, {"peak_memory_mb": 1.0}, {"peak_memory_mb": 2.0})


@pytest.mark.parametrize("used", [False, True])
def test_a_gpu_is_reported_by_a_process_that_used_it(monkeypatch, used):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: used)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 3 * 2**20)
    peaks = process_peaks()
    assert peaks.get("gpu_peak_mb") == (3.0 if used else None)
    assert 1 < peaks["peak_memory_mb"] < 1e6

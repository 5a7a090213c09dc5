#!/usr/bin/env python3
"""How time and memory grow with the number of recordings, rows and scored utterances; each size in a process of its own.

python3 benchmarks/scale.py [--recordings 280000] [--rows 100000] [--scored 5000]
Lists name one small file again and again: what is measured is the work on lists, not the disk.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

import numpy as np
import soundfile

RATE = 16000
NUM_SPEAKERS = 1000
SMALLEST = 1000
REPEATS = 3


def source_dir(folder: Path, count: int, seconds: int = 1) -> None:
    """``count`` recordings of a thousand speakers, as stage 2 leaves them."""
    soundfile.write(folder / "a.wav", np.random.default_rng(0).normal(0, 0.1, seconds * RATE), RATE)
    keys = [f"spk{number % NUM_SPEAKERS:04d}-{number:07d}" for number in range(count)]
    write(folder / "wav.scp", keys, lambda key: str(folder / "a.wav"))
    write(folder / "utt2spk", keys, lambda key: key[:7])
    write(folder / "utt2num_samples", keys, lambda key: str(seconds * RATE))


def tse_dir(folder: Path, count: int, seconds: int = 1) -> None:
    """``count`` rows of two sources and an enrollment."""
    source_dir(folder, count, seconds)
    for name in ("spk1.scp", "spk2.scp", "enroll_spk1.scp"):
        (folder / name).write_bytes((folder / "wav.scp").read_bytes())


def write(path: Path, keys: list[str], value: Callable[[str], str]) -> None:
    path.write_text("".join(f"{key} {value(key)}\n" for key in keys))


def open_dynamic(folder: Path, count: int) -> Callable[[], object]:
    from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
    from espnet_tse.data.mixing_conf import MixingConf

    source_dir(folder, count)
    return lambda: DynamicMixingDataset(folder, MixingConf(), crop_s=0.5, cache_audio=False)


def open_static(folder: Path, count: int) -> Callable[[], object]:
    from espnet_tse.data.static_dataset import StaticDataset

    tse_dir(folder, count)
    return lambda: StaticDataset(folder, crop_s=0.5)


def intervals(folder: Path, count: int) -> Callable[[], object]:
    """Of one metric and one rate of words; aggregation makes some ten of them, one after the other."""
    from espnet_tse.scoring.result.bootstrap import interval_of_mean, interval_of_ratio

    values = np.random.default_rng(0).normal(size=count)
    return lambda: (interval_of_mean(values), interval_of_ratio(values, np.ones(count)))


PARTS = {"open dynamic": open_dynamic, "open static": open_static, "intervals": intervals}


def score_again(folder: Path, count: int) -> tuple[float, float]:
    """CPU seconds of a run of the scorer with SI-SDR alone on 6 s each, and of the same run again, with all processes."""
    tse_dir(folder, count, seconds=6)
    command = [sys.executable, "-m", "espnet_tse.bin.score", "--metrics", "si_sdr", "--nj", "1"]
    for option, name in (("inf", "wav"), ("ref", "spk1"), ("mix", "spk2")):
        command += [f"--{option}_scp", str(folder / f"{name}.scp")]
    times = [0.0]
    for _ in range(2):
        subprocess.run([*command, "--output_dir", str(folder / "scores")], check=True, capture_output=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(used.ru_utime + used.ru_stime)
    return times[1], times[2] - times[1]


def measure(part: str, count: int) -> None:
    """Print seconds and MiB of one size; in a process of its own, for peaks of memory do not go down."""
    with tempfile.TemporaryDirectory() as folder:
        run = PARTS[part](Path(folder), count)
        before, start = peak_mib(), time.process_time()
        kept = run()
        print(json.dumps([time.process_time() - start, peak_mib() - before]))
        del kept


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(part: str, count: int) -> tuple[float, float]:
    """Least CPU seconds and MiB of some runs."""
    command = [sys.executable, __file__, "--part", part, "--count", str(count)]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(REPEATS)
    ]
    return tuple(map(min, zip(*runs)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recordings", type=int, default=280_000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--scored", type=int, default=5_000)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        measure(args.part, args.count)
        return
    for part in PARTS:
        whole = args.recordings if part == "open dynamic" else args.rows
        small = measured(part, max(SMALLEST, whole // 10))
        seconds, mib = measured(part, whole)
        exponent = math.log(seconds / small[0]) / math.log(whole / max(SMALLEST, whole // 10))
        print(f"{part}, {whole} rows: {seconds:.2f} CPU-s, {mib:.0f} MiB more; exponent {exponent:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        first, again = score_again(Path(folder), args.scored)
    print(f"SI-SDR of {args.scored} rows: {first:.1f} CPU-s, again {again:.1f} ({again / first:.1%})")


if __name__ == "__main__":
    main()

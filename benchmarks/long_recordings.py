#!/usr/bin/env python3
"""Time and peak memory of long recordings: one extraction by the packaged system for each length, each in a process.

python3 benchmarks/long_recordings.py [--minutes 5 20 60] [--model exp/tse_x]
The recording is noise whose level changes four times a second as that of speech does, 16 kHz, 16 bit. What is extracted from
it does not matter here: computing and memory depend on the lengths alone.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RATE = 16000


def write_noise(path: Path, seconds: int) -> None:
    generator = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(seconds):
            level = np.repeat(generator.uniform(0.01, 0.2, 4), RATE // 4)
            file.write(level * generator.standard_normal(RATE).clip(-4, 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, nargs="+", default=[5, 20, 60])
    parser.add_argument("--model", help="the packaged system when left out")
    args = parser.parse_args()
    print("| minutes | wall s | peak MB |\n|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        mixture, enrollment = Path(folder, "mixture.wav"), Path(folder, "enrollment.wav")
        write_noise(enrollment, 4)
        for minutes in args.minutes:
            write_noise(mixture, 60 * minutes)
            command = [sys.executable, __file__, "--one", str(mixture), str(enrollment), f"{folder}/out.wav"]
            command += ["--model", args.model] if args.model else []
            wall, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-2:]
            print(f"| {minutes} | {float(wall):.0f} | {int(peak)} |", flush=True)


def one(words: list[str]) -> None:
    """An extraction in this process; its wall time in seconds and its peak memory in MB."""
    from espnet_tse.bin import extract

    mixture, enrollment, output, *model = words
    started = time.perf_counter()
    if code := extract.main([mixture, enrollment, "-o", output, *model]):
        sys.exit(code)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit)


if __name__ == "__main__":
    one(sys.argv[2:]) if sys.argv[1:2] == ["--one"] else main()

#!/usr/bin/env python3
"""Seconds of audio that the scorer gets through a second, with one and with two jobs.

python3 benchmarks/scoring.py INF_SCP REF_SCP [SCORE_OPTION ...]
Runs `espnet-tse score` twice without a cache; further options go to it, as --mix_scp.
"""

import os
import subprocess
import sys
import tempfile
import time

import soundfile

from espnet_tse.schema.scp import read_scp


def score(nj: int, options: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "espnet_tse.bin.score", *options]
        command += ["--output_dir", f"{folder}/scores", "--cache_dir", f"{folder}/cache", "--nj", str(nj)]
        before, started = os.times(), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = os.times()
        cpu_s = after.children_user - before.children_user + after.children_system - before.children_system
        return time.perf_counter() - started, cpu_s


def main() -> None:
    if len(sys.argv) < 3 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    estimates, references, *more = sys.argv[1:]
    audio_s = sum(soundfile.info(path).duration for path in read_scp(references).values())
    options = ["--inf_scp", estimates, "--ref_scp", references, *more]
    walls = {}
    for nj in (1, 2):
        walls[nj], cpu_s = score(nj, options)
        print(
            f"nj {nj}: {audio_s:.0f} s of audio in {walls[nj]:.1f} s ({cpu_s:.1f} CPU-s), "
            f"{audio_s / cpu_s:.2f} s of audio a CPU second"
        )
    print(f"two jobs are {walls[1] / walls[2]:.2f} times as fast as one")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The scorer against serial calls of the packages that it builds on, on the same files in one run.

Reference: pesq, pystoi, fast_bss_eval, speechmos (DNSMOS, and personalised) and Resemblyzer, called as their pages say,
one file after the other, each file read once a package. Ours: `espnet-tse score` with the same metrics, with one job, with
two, and again with everything cached. Prints whether the values are equal, the throughputs, how much of our time DNSMOS
takes, and how fast its networks are on files of several windows.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Callable, Iterator, TypeVar

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported: one thread on both sides

import numpy as np
import soundfile

from espnet_tse.io.scp import read_scp
from espnet_tse.scoring.measure.dnsmos import DNSMOS, split_windows
from espnet_tse.scoring.measure.weights import find_weight

RATE = 16000
T = TypeVar("T")
METRICS = (
    "sdr",
    "pesq",
    "stoi",
    "estoi",
    "dnsmos_sig",
    "dnsmos_bak",
    "dnsmos_ovrl",
    "dnsmos_p808",
    "pdnsmos_ovrl",
    "spk_resemblyzer",
)
TOLERANCES = dict(zip(METRICS, (1e-2, 1e-3, 1e-3, 5e-3, 1e-5, 1e-5, 1e-5, 1e-5, 1e-5, 1e-3)))
OPINIONS = METRICS[4:9]
# What our speaker similarity sets for both signals; the package's own preprocessing depends on the level.
LEVEL_DBFS = -30.0
PERSONALISED = "speechmos, personalised"


def read(path: str) -> np.ndarray:
    samples, rate = soundfile.read(path)
    if rate != RATE or samples.ndim > 1:
        sys.exit(f"{path}: the packages take mono files at {RATE} Hz")
    return samples


def read_pair(target: str, estimate: str) -> tuple[np.ndarray, np.ndarray]:
    """Target, and the estimate at its length."""
    wanted, got = read(target), read(estimate)
    return wanted, np.pad(got, (0, max(0, len(wanted) - len(got))))[: len(wanted)]


def leveled(samples: np.ndarray) -> np.ndarray:
    return samples * 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(samples**2))


def reference_packages() -> dict[str, Callable[[str, str], dict[str, float]]]:
    """Package -> (target, estimate) -> its scores."""
    from fast_bss_eval import sdr
    from pesq import pesq
    from pystoi import stoi

    # Resemblyzer imports its voice activity detector, which is not used here and needs a compiler.
    sys.modules.setdefault("webrtcvad", ModuleType("webrtcvad"))
    from resemblyzer import VoiceEncoder
    from speechmos import dnsmos

    encoder = VoiceEncoder("cpu", verbose=False)
    # Its window ends are rounded one sample short from the eighth on, and those windows dropped (see
    # espnet_tse/scoring/measure/dnsmos.py).
    dnsmos.INPUT_LENGTH += 1e-9

    def bss(target: str, estimate: str) -> dict[str, float]:
        wanted, got = (x[None] for x in read_pair(target, estimate))
        return {"sdr": float(sdr(wanted, got, filter_length=512, clamp_db=100)[0])}

    def wide_pesq(target: str, estimate: str) -> dict[str, float]:
        return {"pesq": pesq(RATE, *read_pair(target, estimate), "wb")}

    def intelligibility(target: str, estimate: str) -> dict[str, float]:
        wanted, got = read_pair(target, estimate)
        return {"stoi": stoi(wanted, got, RATE), "estoi": stoi(wanted, got, RATE, extended=True)}

    def opinion(target: str, estimate: str) -> dict[str, float]:
        scores = dnsmos.run(np.clip(read(estimate), -1.0, 1.0), sr=RATE)
        return {f"dnsmos_{name}": float(scores[f"{name}_mos"]) for name in ("sig", "bak", "ovrl", "p808")}

    def personalised(target: str, estimate: str) -> dict[str, float]:
        scores = dnsmos.run(np.clip(read(estimate), -1.0, 1.0), sr=RATE, model_type="dnsmos_personalized")
        return {"pdnsmos_ovrl": float(scores["ovrl_mos"])}

    def voice(target: str, estimate: str) -> dict[str, float]:
        one, other = (encoder.embed_utterance(leveled(read(path))) for path in (target, estimate))
        return {"spk_resemblyzer": float(one @ other)}

    return {
        "fast_bss_eval": bss,
        "pesq": wide_pesq,
        "pystoi": intelligibility,
        "speechmos": opinion,
        PERSONALISED: personalised,
        "resemblyzer": voice,
    }


def run_packages(
    targets: dict[str, str], estimates: dict[str, str]
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Key -> scores, and package -> key -> CPU seconds; networks are loaded and warmed up before the clock starts."""
    packages = reference_packages()
    scores: dict[str, dict[str, float]] = {key: {} for key in targets}
    seconds = {}
    first = next(iter(targets))
    for name, package in packages.items():
        package(targets[first], estimates[first])
        seconds[name] = {}
        for key, target in targets.items():
            found, seconds[name][key] = cpu_seconds(lambda: package(target, estimates[key]))
            scores[key] |= found
    return scores, seconds


def run_networks(
    estimates: dict[str, str], package_s: dict[str, dict[str, float]]
) -> dict[str, dict[str, float]]:
    """CPU seconds of our DNSMOS, as package -> key -> seconds, on the files with two or more windows."""
    networks = {
        "speechmos": DNSMOS(find_weight("dnsmos_primary"), find_weight("dnsmos_p808")),
        PERSONALISED: DNSMOS(find_weight("pdnsmos"), None, personalised=True),
    }
    files = {key: read(estimates[key]) for key in package_s["speechmos"]}
    files = {key: samples for key, samples in files.items() if len(split_windows(samples)) > 1}
    return {
        name: {key: cpu_seconds(lambda: network(samples))[1] for key, samples in files.items()}
        for name, network in networks.items()
    }


def cpu_seconds(function: Callable[[], T]) -> tuple[T, float]:
    """What a function returns, and the CPU seconds it took."""
    started = time.process_time()
    result = function()
    return result, time.process_time() - started


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Run on one core; onnxruntime's default threads would spin on all of them."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


def score(folder: Path, nj: int, metrics: tuple[str, ...], options: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one run of ours."""
    command = [sys.executable, "-m", "espnet_tse.bin.score", *options, "--metrics", ",".join(metrics)]
    command += ["--output_dir", str(folder), "--nj", str(nj), "--force"]
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    after = os.times()
    cpu_s = after.children_user - before.children_user + after.children_system - before.children_system
    return time.perf_counter() - started, cpu_s


def largest_differences(ours: Path, theirs: dict[str, dict[str, float]]) -> dict[str, float]:
    rows = [json.loads(line) for line in (ours / "scores.jsonl").read_text().splitlines()]
    return {
        name: max(
            (abs(row[name] - theirs[row["utt"]][name]) for row in rows if row[name] is not None), default=0.0
        )
        for name in METRICS
    }


def get_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        usage="%(prog)s INF_SCP REF_SCP [SCORE_OPTION ...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        epilog="Options after the files go to `espnet-tse score` (its --help lists them), as:\n"
        "  --cache_dir DIR   for the cached values of the targets\n"
        "  --dnsmos_dir DIR  other weights of DNSMOS\n\n"
        "A decoded set of a recipe will do: exp/<system>/decode_test/wav.scp dump/raw/test/spk1.scp.\n"
        f"The files are mono at {RATE} Hz and at most 30 s long, which is what PESQ takes.",
    )
    parser.add_argument("inf_scp", metavar="INF_SCP", help="list of the estimates, lines 'key path'")
    parser.add_argument("ref_scp", metavar="REF_SCP", help="list of the clean targets, with the same keys")
    return parser


def main() -> int:
    args, more = get_parser().parse_known_args()
    targets, estimates = read_scp(args.ref_scp), read_scp(args.inf_scp)
    lacking = sorted(targets.keys() - estimates.keys())
    if lacking:
        sys.exit(
            f"{args.inf_scp}: lacks {len(lacking)} of {len(targets)} keys of {args.ref_scp}, first {lacking[0]}"
        )
    options = ["--inf_scp", args.inf_scp, "--ref_scp", args.ref_scp, *more]
    audio_s = sum(soundfile.info(path).duration for path in targets.values())
    print(f"{len(targets)} files, {audio_s:.0f} s of audio")

    with one_core():
        theirs, package_s = run_packages(targets, estimates)
        network_s = run_networks(estimates, package_s)
    for name, seconds in package_s.items():
        print(f"  {name:<24} {sum(seconds.values()):7.2f} CPU-s")
    print_networks(network_s, package_s)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = score(folder / "one", 1, METRICS, options)
        again = score(folder / "one", 1, METRICS, options)
        two_wall, _ = score(folder / "two", 2, METRICS, options)
        _, opinion_cpu = score(folder / "opinion", 1, OPINIONS, options)
        differences = largest_differences(folder / "one", theirs)
    wrong = print_differences(differences)
    packages_cpu = sum(sum(seconds.values()) for seconds in package_s.values())
    print_speed(audio_s, packages_cpu, one, again, two_wall, opinion_cpu)
    return 1 if wrong else 0


def print_networks(ours: dict[str, dict[str, float]], theirs: dict[str, dict[str, float]]) -> None:
    """Print how much faster our DNSMOS is on the files of ``ours``; arguments: package -> key -> CPU seconds."""
    for name, seconds in ours.items():
        package_s = sum(theirs[name][key] for key in seconds)
        ours_s = sum(seconds.values())
        print(
            f"  {name}, the {len(seconds)} files with two or more windows: {package_s:.2f} CPU-s, ours {ours_s:.2f}: "
            f"{package_s / ours_s:.2f} times (wanted: at least 2.3)"
        )


def print_differences(differences: dict[str, float]) -> int:
    """Print the largest difference of each metric; returns how many are beyond their tolerance."""
    wrong = 0
    for name, difference in differences.items():
        limit = TOLERANCES[name]
        verdict = "equal" if difference <= limit else f"MORE THAN {limit:g}"
        wrong += verdict.startswith("MORE")
        print(f"  {name:<16} largest difference {difference:.2g}: {verdict}")
    return wrong


def print_speed(
    audio_s: float,
    packages_cpu: float,
    one: tuple[float, float],
    again: tuple[float, float],
    two_wall: float,
    opinion_cpu: float,
) -> None:
    """Print the throughputs.

    Args:
        one, again: wall and CPU seconds of one job, the first time and with everything cached.
        two_wall: wall seconds of two jobs.
        opinion_cpu: CPU seconds of one job that computes DNSMOS only.
    """
    (wall, cpu), (again_wall, again_cpu) = one, again
    print(f"packages, serial: {packages_cpu:.1f} CPU-s, {audio_s / packages_cpu:.2f} s of audio a CPU second")
    print(f"ours, one job: {cpu:.1f} CPU-s ({wall:.1f} s), {audio_s / cpu:.2f} s of audio a CPU second")
    print(f"throughput: {packages_cpu / cpu:.2f} times the packages' (wanted: at least 2.2)")
    # A run without the other metrics includes the start of the processes as well.
    others = max(0.0, cpu - opinion_cpu) / cpu
    print(f"DNSMOS {1 - others:.0%} of our CPU time, all else {others:.0%}")
    print(f"two jobs: {wall / two_wall:.2f} times as fast as one (wanted: at least 1.8)")
    print(
        f"again, unchanged: {again_wall:.1f} s, {again_wall / wall:.1%} of the first (wanted: below 2 %); "
        f"{again_cpu:.1f} CPU-s"
    )


if __name__ == "__main__":
    sys.exit(main())

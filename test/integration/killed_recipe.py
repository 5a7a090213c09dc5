#!/usr/bin/env python3
"""A recipe that is killed in every stage ends as one that was not: same files, weights and scores.

``test/integration/killed_recipe.py FOLDER [--seed N]`` runs mini_espeak at its smallest twice below FOLDER:
once in peace, once with SIGKILL at a random moment of each stage and the same command again. Either
everything dies at once, as on a machine that loses power, or the pipeline alone, whose jobs have to follow.
"""

import argparse
import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from pathlib import Path
from typing import Sequence

import torch

from espnet_tse.train.checkpoint import PLAIN_TYPES

REPOSITORY = Path(__file__).resolve().parents[2]
SIZES = "--train_speakers 4 --train_sentences 4 --dev_speakers 2 --dev_mixtures 2 --test_speakers 2"
OPTIONS = {
    "python": sys.executable,
    "nj": "1",
    "num_procs": "1",
    "local_data_opts": f"{SIZES} --test_mixtures 4",
    "codec_config": "conf/codec_nano.yaml",
    "prerequisite_config": "local/conf/first.yaml",
    "tse_config": "conf/laura_tse_nano.yaml",
    "asr": "",
    "score_opts": "--metrics si_sdr,si_sdr_i,pesq,estoi",
}
STAGES = range(1, 13)
MIN_KILLS = 10
STAGE_LINE = re.compile(r" Stage (\d+) \(\w+\): (?!done|skipped)")
MARK = "KILLED_RECIPE"  # variable in the environment of every process of a start
FOLLOW_S = 20.0  # in which jobs have to follow their pipeline
# Of these there are others in another run: logs, figures and names with times or process numbers in them.
NOT_RESULTS = re.compile(
    r"\.log$|/log/|/tensorboard/|/images/\w+_time\.png$|/decode\.json$|/report\.html$|cache/|/lock$|/run\.sh$"
    r"|/checkpoint\.previous\.pth$|/\.done\.report$"
    # Of the times of the audio, and of an archive with times in it.
    r"|/\.done\.(codes|format|validate|filter|decode|resynthesis|mixture|score)$|/\.audio$|/system\.sha256$"
)
STATES = (
    "step",
    "codec",
    "model",
    "optimizer",
    "optimizers",
    "schedulers",
)  # of a checkpoint; the others are times
MTIME = re.compile(rb'"mtime_ns": \d+, ')
DATE = re.compile(rb"\d{4}-\d\d-\d\d")  # midnight may come between the runs
TEMPORARY = re.compile(r"\.tmp$|\.new$|\.link$|\.old\.\d+$|/\.started\.|/job\.[^/]*\.jsonl$")


class Fault(Exception):
    """What must not be after a kill."""


def make_recipe(folder: Path) -> Path:
    """A clone in miniature with mini_espeak; returns the recipe's folder."""
    ignored = shutil.ignore_patterns("data", "dump", "exp", "downloads", "__pycache__")
    for name in ("utils", "egs2/TEMPLATE", "egs2/mini_espeak"):
        shutil.copytree(REPOSITORY / name, folder / name, symlinks=True, ignore=ignored)
    recipe = folder / "egs2/mini_espeak/tse1"
    (recipe / "local/conf").mkdir()
    (recipe / "local/conf/first.yaml").write_text(
        "base: ../../conf/laura_tse_nano.yaml\nmax_epoch: 1\n", encoding="utf-8"
    )
    return recipe


class Start:
    """One start of the recipe: the same command every time."""

    def __init__(self, recipe: Path, log: Path):
        self.mark, self.log = f"{MARK}={uuid.uuid4().hex}", log
        self.begins_at = log.stat().st_size if log.exists() else 0
        name, value = self.mark.split("=")
        words = [word for option in OPTIONS.items() for word in (f"--{option[0]}", option[1])]
        with log.open("a") as output:
            self.process = subprocess.Popen(
                ["./run.sh", *words],
                cwd=recipe,
                env={**os.environ, name: value, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def output(self) -> str:
        with self.log.open("rb") as file:
            file.seek(self.begins_at)
            return file.read().decode()

    def stages(self) -> list[int]:
        """Those that have begun."""
        return [int(number) for number in STAGE_LINE.findall(self.output())]

    def wait_for(self, stage: int) -> None:
        """Until ``stage`` begins.

        Raises:
            Fault: the recipe ends before.
        """
        while stage not in self.stages():
            if self.process.poll() is not None and stage not in self.stages():
                raise Fault(
                    f"the recipe ended with {self.process.returncode} before stage {stage}; read {self.log}"
                )
            time.sleep(0.02)

    def alive(self) -> list[int]:
        """Process numbers of all that belongs to this start."""
        own = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark.encode() in path.read_bytes().split(b"\0"):
                    own.append(int(path.parent.name))
            except OSError:  # it has just ended, or is another user's
                continue
        return own

    def kill_everything(self) -> None:
        """As a machine that loses power: nobody lives to see another die."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in self.alive():
                with contextlib.suppress(ProcessLookupError):  # it ended between the look and the signal
                    os.kill(process, number)
        self.process.wait()
        while self.alive():
            time.sleep(0.02)

    def kill_pipeline(self) -> None:
        """The script alone.

        Raises:
            Fault: its jobs do not follow.
        """
        self.process.kill()
        self.process.wait()
        until = time.monotonic() + FOLLOW_S
        while self.alive() and time.monotonic() < until:
            time.sleep(0.1)
        left = [
            Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            for number in self.alive()
        ]
        if left:
            self.kill_everything()
            raise Fault(f"these processes outlive the killed pipeline by {FOLLOW_S:.0f} s: {left}")


def run_in_peace(recipe: Path, log: Path) -> dict[int, float]:
    """Seconds that each stage took.

    Raises:
        Fault: the recipe fails.
    """
    start, begun = Start(recipe, log), {}
    for stage in STAGES:
        start.wait_for(stage)
        begun[stage] = time.monotonic()
    if start.process.wait() != 0:
        raise Fault(f"the recipe ended with {start.process.returncode}; read {log}")
    ends = [*list(begun.values())[1:], time.monotonic()]
    return {stage: end - at for (stage, at), end in zip(begun.items(), ends)}


def run_and_kill(recipe: Path, log: Path, seconds: dict[int, float], draw: random.Random) -> int:
    """A kill in each stage, then the command once more; returns the number of kills.

    Raises:
        Fault: a start fails, something is done twice, or a killed pipeline leaves processes.
    """
    kills, marks = 0, {}
    for stage in STAGES:
        after_s, alone = draw.uniform(0.0, seconds[stage]), draw.random() < 0.5
        start = Start(recipe, log)
        start.wait_for(stage)
        time.sleep(after_s)
        if start.process.poll() is None:
            kills += 1
            (start.kill_pipeline if alone else start.kill_everything)()
        what = (
            f"{'the pipeline' if alone else 'everything'} killed"
            if start.process.returncode
            else "too late to kill"
        )
        print(f"stage {stage} + {after_s:.2f} s: {what}, in stage {start.stages()[-1]}", flush=True)
        marks = check_marks(recipe, marks)
    start = Start(recipe, log)
    start.wait_for(STAGES[-1])
    if start.process.wait() != 0:
        raise Fault(f"after {kills} kills the recipe ended with {start.process.returncode}; read {log}")
    check_marks(recipe, marks)
    return kills


def check_marks(recipe: Path, before: dict[str, int]) -> dict[str, int]:
    """Done marks and their times.

    Raises:
        Fault: one of ``before`` is not what it was: that step was done again.
    """
    now = {str(p.relative_to(recipe)): p.stat().st_mtime_ns for p in recipe.rglob(".done.*")}
    again = sorted(mark for mark, at in before.items() if now.get(mark) != at)
    if again:
        raise Fault(f"done again although they were done: {again}")
    return now


def results(recipe: Path) -> dict[str, object]:
    """File -> digest, or content without its times.

    Raises:
        Fault: files under temporary names.
    """
    found, remains = {}, []
    for top in ("data", "dump", "exp"):
        for path in sorted((recipe / top).rglob("*")):
            name = str(path.relative_to(recipe))
            if TEMPORARY.search(name):
                remains.append(name)
            elif path.is_file() and not NOT_RESULTS.search(name):
                found[name] = content(path)
    if remains:
        raise Fault(f"{recipe}: left under temporary names: {remains}")
    return found


def content(path: Path) -> object:
    """What has to be the same in two runs."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return {member.filename: member.CRC for member in archive.infolist()}
    if path.name == "checkpoint.pth":
        with torch.serialization.safe_globals(PLAIN_TYPES):
            states = torch.load(path, map_location="cpu", weights_only=True)
        return str({name: digests(states[name]) for name in STATES if name in states})
    held = path.read_bytes()
    if path.name == "inputs.jsonl" or path.suffix == ".source":  # recordings with the times of their files
        held = MTIME.sub(b"", held)
    if path.suffix in (".json", ".md"):
        held = DATE.sub(b"", held)
    return hashlib.sha256(held).hexdigest()


def digests(state: object) -> object:
    """A state with a digest in the place of each tensor."""
    if isinstance(state, torch.Tensor):
        return hashlib.sha256(state.numpy().tobytes()).hexdigest()
    if isinstance(state, dict):
        return {name: digests(value) for name, value in state.items()}
    return [digests(value) for value in state] if isinstance(state, (list, tuple)) else state


def check_same(whole: Path, killed: Path) -> int:
    """Number of files that are the same.

    Raises:
        Fault: some are not, or are in one run only.
    """
    expected, found = results(whole), results(killed)
    odd = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if odd:
        raise Fault(f"{len(odd)} of {len(expected)} files are not those of the run without kills: {odd}")
    return len(expected)


def main(cmd: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="of both runs and their logs; is made")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args(cmd)
    try:
        compare_runs(args.folder, args.seed)
    except Fault as fault:
        print(f"killed_recipe: {fault}", file=sys.stderr)
        return 1
    return 0


def compare_runs(folder: Path, seed: int) -> None:
    """Both runs and the comparison.

    Raises:
        Fault: something is not as it must be.
    """
    whole, killed = (make_recipe(folder / name) for name in ("whole", "killed"))
    seconds = run_in_peace(whole, folder / "whole.log")
    print("in peace: " + ", ".join(f"stage {stage} {s:.1f} s" for stage, s in seconds.items()), flush=True)
    kills = run_and_kill(killed, folder / "killed.log", seconds, random.Random(seed))
    if kills < MIN_KILLS:
        raise Fault(f"only {kills} kills came in time, want {MIN_KILLS}")
    number = check_same(whole, killed)
    print(f"{kills} kills (seed {seed}), {number} files the same, no step done twice, nothing left behind")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

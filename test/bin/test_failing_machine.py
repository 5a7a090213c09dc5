"""Full disks and processes that die: no half-written file, and the same command goes on where it stopped."""

import multiprocessing
import os
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_tse.data.static_dataset import StaticDataset


@contextmanager
def largest_file(num_bytes: int):
    """No file can grow beyond ``num_bytes``, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def convert_m1() -> None:
    """Make stage 2 write a file: m1's target comes at another rate."""
    soundfile.write("audio/m1_s1.wav", np.random.default_rng(0).normal(0, 0.05, 2400), 8000)


@pytest.mark.parametrize(
    "command, num_bytes, named",
    [
        ("format", 2000, "out/audio/spk1/m1.flac"),
        ("format", 10, "out/audio/spk1/m1.flac"),
        ("codec", 20_000, "out/"),
        ("tokenize", 150, "out/manifest.json"),
        ("resynthesize", 5000, "out/wav/m0.wav"),
        ("train", 100_000, "out/1epoch.pth"),
        ("extract", 5000, "out/m0.wav"),
        ("extract_one", 5000, "out/estimate.wav"),
        ("score", 600, "out/"),
        ("pack", 5000, "out/tse.zip"),
        ("report", 300, "out/RESULTS.md: File too large; make room"),
    ],
)
def test_a_full_disk(recipe, command, num_bytes, named):
    if command == "format":
        convert_m1()
    with largest_file(num_bytes):
        recipe.refuses(command, named)
    code, output = recipe.run(command)  # with room again, the same command goes on
    assert code == 0, output


def run_and_die(recipe, command: str, options: str, number: int) -> None:
    """Run a command in a process that is killed when it is about to complete its ``number``-th file."""

    def child():
        replace, calls = os.replace, []

        def die(source, target):
            calls.append(target)
            if len(calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)

        os.replace = die
        recipe.run(command, options)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    "command, number, fix",
    [
        ("format", 2, "shard 2 of 2 has not run to its end; run it again"),
        ("tokenize", 2, "no such file; run the stage that makes it"),
        ("extract", 2, "no such file; run the stage that makes it"),
        ("extract", 5, "run shard 2 of 2 again, it goes on where it stopped"),
    ],
)
def test_a_shard_that_is_killed(recipe, command, number, fix):
    if command == "format":
        convert_m1()
    assert recipe.run(command, "--shard 1/2")[0] == 0
    run_and_die(recipe, command, "--shard 2/2", number)
    code, output = recipe.run(command, "--merge 2")
    assert code == 1 and fix in output and "out/" in output
    assert not list(Path("out").glob("*.scp"))
    for path in Path("out").rglob("*.wav"):
        assert len(soundfile.read(path)[0]) == 4800
    assert recipe.run(command, "--shard 2/2")[0] == 0
    code, output = recipe.run(command, "--merge 2")
    assert code == 0, output


def test_a_killed_worker_of_training(recipe, monkeypatch):
    example, parent = StaticDataset.example, os.getpid()

    def die(self, epoch, index):
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return example(self, epoch, index)

    monkeypatch.setattr(StaticDataset, "example", die)
    fix = "lower num_workers or set cache_audio: false; the same command goes on from the last checkpoint"
    what = "a process that prepares batches was killed (signal 9): usually the machine ran out of memory"
    recipe.refuses("train", what, fix, options="--num_workers 1")


def test_a_fault_in_a_worker_of_training_is_reported_as_any_other(recipe):
    np.save("codes/test/acoustic/m1.npy", np.load("codes/test/acoustic/m1.npy")[:-1])
    recipe.refuses(
        "train",
        "codes/test/acoustic.scp: key 'm1'",
        "run stage 5 (token) with --force true",
        options="--num_workers 1",
    )

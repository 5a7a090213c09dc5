"""What an update is does not depend on the processes that share it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).resolve().parents[1] / "parallel_updates.py"
PLANS = [
    {"name": "one", "ranks": 1},
    {"name": "two", "ranks": 2},
    {"name": "three", "ranks": 3},
    {"name": "pieces", "ranks": 3, "max_piece_s": 1.0},
    {"name": "short", "ranks": 3, "memory": [100, 1, 100]},
    {"name": "together", "ranks": 3, "held": [True, True, True]},
    {"name": "apart", "ranks": 3, "held": [False, False, False]},
    {"name": "mixed", "ranks": 3, "held": [False, True, False]},
    {"name": "short_forward", "ranks": 3, "memory": [100, 1, 100], "held": [True, True, True], "late": False},
    {"name": "spoilt_one", "ranks": 1, "spoilt": 2},
    {"name": "spoilt", "ranks": 3, "spoilt": 2},
    {"name": "shares", "ranks": 2, "way": "fsdp"},
    {"name": "shares_in_pieces", "ranks": 2, "way": "fsdp", "max_piece_s": 1.7},
    {"name": "spoilt_shares", "ranks": 2, "way": "fsdp", "spoilt": 2},
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("updates")
    (folder / "plan.json").write_text(json.dumps(PLANS))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder / "plan.json")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    read = lambda name, rank: torch.load(folder / f"{name}.{rank}.pth", weights_only=True)  # noqa: E731
    found = {plan["name"]: [read(plan["name"], rank) for rank in range(plan["ranks"])] for plan in PLANS}
    return {**found, "log": done.stderr}


@pytest.mark.parametrize(
    "name", ["two", "three", "pieces", "short", "short_forward", "shares", "shares_in_pieces"]
)
def test_processes_train_as_one(outcomes, name):
    """Unequal rows, a layer that one of two processes does not use, pieces of different numbers, a shortage of one process."""
    [one], several = outcomes["one"], outcomes[name]
    for outcome in several:
        for key in ("weights", "results", "valid"):
            torch.testing.assert_close(outcome[key], one[key], atol=2e-6, rtol=2e-4)
    if name == "short":
        assert max(several[1]["calls"][2:]) == 1 and max(several[0]["calls"]) == 2
        assert "out of memory at 2 rows" in outcomes["log"]


def test_a_weight_that_nobody_uses_stays(outcomes):
    torch.testing.assert_close(
        outcomes["three"][0]["weights"]["never.weight"],
        outcomes["one"][0]["weights"]["never.weight"],
        atol=0,
        rtol=0,
    )


@pytest.mark.parametrize("name", ["three", "together", "apart", "spoilt", "shares"])
def test_all_processes_have_the_same_weights(outcomes, name):
    first, *others = outcomes[name]
    for other in others:
        torch.testing.assert_close(first["weights"], other["weights"], atol=0, rtol=0)


def test_the_sums_do_not_depend_on_when_gradients_travel(outcomes):
    """Bit by bit: in the backward pass or behind it, with three processes, whose order counts."""
    for other in ("apart", "mixed"):
        torch.testing.assert_close(
            outcomes["together"][0]["weights"], outcomes[other][0]["weights"], atol=0, rtol=0
        )


@pytest.mark.parametrize("name", ["spoilt", "spoilt_shares"])
def test_all_skip_what_one_cannot_do(outcomes, name):
    [one], several = outcomes["spoilt_one"], outcomes[name]
    assert [result["skipped"] for result in several[0]["results"]] == [False, True, False, False]
    torch.testing.assert_close(several[1]["weights"], one["weights"], atol=2e-6, rtol=2e-4)
    assert (
        "update skipped, its gradient is not finite: the loss is not finite for ['utt41']" in outcomes["log"]
    )

"""What an update is does not depend on how its rows are dealt out; what is not finite is left out."""

import math

import pytest
import torch
from torch import nn

from espnet_tse.io.scp import DataError
from espnet_tse.train.pieces import Memory, TrainingStopped, is_out_of_memory, refuse_shortage, split_rows
from espnet_tse.train.step import Phase, Step
from espnet_tse.train.system_step import SystemStep
from espnet_tse.train.update import Updater


class Toy(nn.Module):
    """Mean over valid samples of (w x)^2; more rows than ``memory`` are too many."""

    sample_rate = 10

    def __init__(self, memory: int = 100):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -2.0]))
        self.memory, self.calls = memory, []

    def forward(self, speech_mix, speech_mix_lengths, utt_id, rate=None):
        self.calls.append(list(utt_id))
        weight = speech_mix_lengths.sum() / self.sample_rate
        valid = torch.arange(speech_mix.size(1)) < speech_mix_lengths[:, None]
        loss = ((speech_mix * self.weight.sum()) ** 2)[valid].mean() + (self.weight[1] * speech_mix)[
            valid
        ].mean()
        if len(speech_mix) > self.memory:
            loss.backward()  # a shortage may come late in a backward pass
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return loss[None], {"loss": loss.detach()[None]}, weight[None]


def batch(lengths: list[int], seed: int = 0):
    x = torch.randn(len(lengths), max(lengths), generator=torch.Generator().manual_seed(seed))
    keys = [f"utt{seed}{row}" for row in range(len(lengths))]
    return keys, {"speech_mix": x, "speech_mix_lengths": torch.tensor(lengths), "rate": torch.tensor([62.5])}


def updated(model: Toy, windows: list, **settings) -> tuple[torch.Tensor, list]:
    updater = Updater(
        SystemStep(model, torch.optim.SGD(model.parameters(), lr=0.1)), "cpu", grad_clip=math.inf, **settings
    )
    results = [updater(window) for window in windows]
    return model.weight.detach().clone(), results


def joined(first, second):
    longest = max(first[1]["speech_mix"].size(1), second[1]["speech_mix"].size(1))
    x = [
        nn.functional.pad(b[1]["speech_mix"], (0, longest - b[1]["speech_mix"].size(1)))
        for b in (first, second)
    ]
    lengths = torch.cat([b[1]["speech_mix_lengths"] for b in (first, second)])
    return first[0] + second[0], {"speech_mix": torch.cat(x), "speech_mix_lengths": lengths}


def test_accumulation_is_a_larger_batch():
    first, second = batch([7, 3, 5]), batch([9, 2], seed=1)
    apart, [one] = updated(Toy(), [[first, second]])
    together, [other] = updated(Toy(), [[joined(first, second)]])
    torch.testing.assert_close(apart, together)
    assert one.stats["loss"] == pytest.approx(other.stats["loss"]) and one.norm == pytest.approx(other.norm)
    assert one.audio_s == pytest.approx(2.6) and one.weight == pytest.approx(2.6)


def test_out_of_memory_splits_the_batch_and_changes_nothing_else(caplog):
    model, window = Toy(memory=2), [batch([7] * 5), batch([7] * 5, seed=1)]
    split, [result, again] = updated(model, [window, window])
    whole, [expected, _] = updated(Toy(), [window, window])
    torch.testing.assert_close(split, whole)
    assert (
        result.stats["loss"] == pytest.approx(expected.stats["loss"])
        and "out of memory at 5 rows" in caplog.text
    )
    # Five rows are tried once; from then on pieces are of two, in later updates too.
    assert [len(keys) for keys in model.calls] == [5] + 4 * [2, 2, 1]


def test_a_memory_budget_splits_from_the_start_and_changes_nothing_else(caplog):
    model, window = Toy(memory=2), [batch([7] * 5), batch([4, 7], seed=1)]
    split, [result] = updated(model, [window], max_piece_s=1.5)  # two rows of 0.7 s
    whole, [expected] = updated(Toy(), [window])
    torch.testing.assert_close(split, whole)
    assert result.norm == pytest.approx(expected.norm) and "out of memory" not in caplog.text
    assert [len(keys) for keys in model.calls] == [2, 2, 1, 2]
    # A longer row than the budget is a piece of its own.
    updated(alone := Toy(memory=1), [window], max_piece_s=0.1)
    assert {len(keys) for keys in alone.calls} == {1}


def test_enrollments_take_memory_too():
    model = Toy()
    keys, data = batch([7] * 4)
    model.forward = lambda enroll_ref1, enroll_ref1_lengths, **rest: Toy.forward(model, **rest)
    enrollment = {"enroll_ref1": torch.zeros(4, 8), "enroll_ref1_lengths": torch.tensor([8, 8, 8, 8])}
    updated(model, [[(keys, data | enrollment)]], max_piece_s=3.0)  # 0.7 + 0.8 s a row
    assert [len(keys) for keys in model.calls] == [2, 2]


def test_evaluation_splits_too():
    model = Toy(memory=2)
    updater = Updater(SystemStep(model, torch.optim.SGD(model.parameters(), lr=0.1)), "cpu")
    whole = Updater(SystemStep(Toy(), torch.optim.SGD(model.parameters(), lr=0.1)), "cpu").evaluate(
        [batch([7, 3, 5])]
    )
    model.forward = no_backward(model.forward)
    stats, weight = updater.evaluate([batch([7, 3, 5])])
    assert stats["loss"] == pytest.approx(whole[0]["loss"]) and weight == pytest.approx(whole[1])


def no_backward(forward):
    def guarded(**data):
        if len(data["utt_id"]) > 2:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return forward(**data)

    return guarded


def test_one_row_that_is_too_much_is_named():
    with pytest.raises(TrainingStopped, match=r"utt00 alone \(0.7 s\) does not fit .*--crop_s"):
        updated(Toy(memory=0), [[batch([7, 7])]])


def test_other_errors_are_not_taken_for_a_shortage():
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    model = Toy()
    model.forward = lambda **data: (_ for _ in ()).throw(RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        updated(model, [[batch([7])]])


def test_an_update_that_is_not_finite_is_skipped_and_named(caplog):
    bad = batch([4, 4, 4], seed=1)
    bad[1]["speech_mix"][1, 2] = math.nan
    good = batch([5, 5])
    weights, results = updated(Toy(), [[good], [bad], [good]])
    expected, _ = updated(Toy(), [[good], [good]])
    torch.testing.assert_close(weights, expected, atol=0, rtol=0)
    assert [result.skipped for result in results] == [False, True, False]
    assert "the loss is not finite for ['utt11']" in caplog.text


def test_too_many_skipped_updates_end_the_training():
    bad, good = batch([4, 4], seed=1), batch([5, 5])
    bad[1]["speech_mix"][0, 0] = math.inf
    with pytest.raises(TrainingStopped, match=r"3 updates in a row .*utt10.*--max_skipped_updates"):
        updated(Toy(), [[bad], [bad], [good], [bad], [bad], [bad]], max_skipped_updates=3)


def test_the_gradient_is_clipped_and_its_norm_reported():
    model = Toy()
    updater = Updater(SystemStep(model, torch.optim.SGD(model.parameters(), lr=1.0)), "cpu", grad_clip=0.01)
    before = model.weight.detach().clone()
    result = updater([batch([7, 3])])
    assert result.norm > 0.01
    assert (model.weight - before).norm().item() == pytest.approx(0.01, rel=1e-3)


def test_rows_are_split_and_the_rest_goes_along():
    pieces = split_rows(batch([4, 3, 2]), 2)
    assert [keys for keys, _ in pieces] == [["utt00", "utt01"], ["utt02"]]
    assert [data["speech_mix_lengths"].tolist() for _, data in pieces] == [[4, 3], [2]]
    assert all(data["rate"].tolist() == [62.5] for _, data in pieces)


def test_a_group_may_be_clipped_alone():
    """Each group's norm is brought to the limit by itself; the larger one is reported."""

    class Two(Toy):
        def __init__(self):
            super().__init__()
            self.front = nn.Parameter(torch.tensor([3.0]))

        def forward(self, speech_mix, speech_mix_lengths, utt_id, rate=None):
            loss = (100.0 * self.front + self.weight.sum()).sum()
            weight = speech_mix_lengths.sum() / self.sample_rate
            return loss[None], {"loss": loss.detach()[None]}, weight[None]

    for alone, wanted in ((True, [0.5, 0.5]), (False, [0.5, 0.00707])):
        model = Two()
        groups = [{"params": [model.weight]}, {"params": [model.front], "clipped_alone": alone}]
        before = [model.front.detach().clone(), model.weight.detach().clone()]
        updater = Updater(SystemStep(model, torch.optim.SGD(groups, lr=1.0)), "cpu", grad_clip=0.5)
        result = updater([batch([7, 3])])
        steps = [
            float((now - then).detach().norm()) for now, then in zip((model.front, model.weight), before)
        ]
        assert steps == pytest.approx(wanted, rel=1e-2)
        assert result.norm == pytest.approx(100.0, rel=1e-3)
    # A group without a gradient has no norm.
    model = Two()
    model.front.requires_grad_(False)
    groups = [{"params": [model.weight]}, {"params": [model.front], "clipped_alone": True}]
    result = Updater(SystemStep(model, torch.optim.SGD(groups, lr=1.0)), "cpu", grad_clip=0.5)(
        [batch([7, 3])]
    )
    assert result.norm == pytest.approx(2**0.5)


class Running(Toy):
    """With a buffer that its forward pass writes to."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(1))

    def forward(self, speech_mix, **rest):
        self.mean.lerp_(speech_mix.mean(), 0.1)
        return super().forward(speech_mix, **rest)


def test_a_module_with_running_statistics_is_refused():
    with pytest.raises(
        DataError, match="Running: the buffer mean changes in the forward pass.*use group norm"
    ):
        updated(Running(), [[batch([7, 3])]])


class Counting(Toy):
    """Learns a sum over rows beside its weights, as the tables of a codec do."""

    def __init__(self, memory: int = 100):
        super().__init__(memory)
        self.register_buffer("total", torch.zeros(1))
        self.collected = []

    def forward(self, speech_mix, **rest):
        if self.training:
            self.collected.append(speech_mix.sum())
        return super().forward(speech_mix, **rest)

    def learn(self):
        self.total += sum(self.collected)
        self.forget()

    def forget(self):
        self.collected = []


def test_a_skipped_update_leaves_weights_and_buffers_as_they_were():
    bad, good = batch([4, 4, 4], seed=1), batch([5, 5])
    bad[1]["speech_mix"][1, 2] = math.nan
    states = []
    for windows, memory in (([[good], [bad], [good]], 100), ([[good], [good]], 100), ([[good], [good]], 1)):
        model = Counting(memory)
        step = SystemStep(model, torch.optim.Adam(model.parameters(), lr=0.1))
        step.phases[0].learners.append(model)
        updater = Updater(step, "cpu")
        assert [updater(window).skipped for window in windows].count(True) == len(windows) - 2
        states.append({"model": model.state_dict(), "optimizer": step.phases[0].optimizer.state_dict()})
    torch.testing.assert_close(states[0], states[1], atol=0, rtol=0)
    # Nor does a pass that broke off count, nor the number of pieces.
    torch.testing.assert_close(states[2], states[1])


def test_a_shortage_in_the_exchange_ends_the_training():
    """Other processes wait for what this one cannot give; the next start goes on from the checkpoint."""
    with pytest.raises(TrainingStopped, match=r"size that went through before.*--max_piece_s below 1:"):
        with refuse_shortage(Memory(None, Toy.sample_rate), batch([7, 7])):
            raise torch.OutOfMemoryError("CUDA out of memory.")
    with pytest.raises(RuntimeError, match="shapes differ"), refuse_shortage(Memory(None, 10), batch([7])):
        raise RuntimeError("shapes differ")


def test_a_size_has_been_held_when_no_side_of_it_is_larger():
    memory = Memory(None, Toy.sample_rate)
    assert not memory.has_held(batch([7, 7]))
    for piece in (batch([7, 7]), batch([3, 3, 3]), batch([2])):
        memory.note(piece)
    assert memory.held == [(2, 7, 0, 0), (3, 3, 0, 0)]
    assert memory.has_held(batch([6, 2])) and memory.has_held(batch([3, 1, 1]))
    assert not memory.has_held(batch([7, 7, 7])) and not memory.has_held(batch([8]))
    memory.shrink(batch([3, 3, 3]), "out of memory")  # what is larger than the current budget is not trusted
    assert memory.max_samples == 3 and memory.held == []


class Critic(nn.Module):
    """Passes signals on to a second phase whose loss is not finite for the keys in ``bad``."""

    sample_rate = 10

    def __init__(self, bad: tuple[str, ...] | None = None):
        super().__init__()
        self.weight, self.bad = nn.Parameter(torch.ones(1)), bad

    def forward(self, signal, utt_id):
        loss = (self.weight * signal).square().mean()
        if self.bad is not None:
            loss = loss * (math.nan if set(self.bad) & set(utt_id) else 1.0)
            return loss, {"critic": loss.detach()}, torch.tensor(1.0)
        return loss, {"loss": loss.detach()}, torch.tensor(1.0), {"signal": signal.detach()}


def test_a_later_phase_that_is_not_finite_is_skipped_alone_and_named(caplog):
    first, second = Critic(), Critic(bad=("utt11",))
    phases = [Phase(module, torch.optim.SGD(module.parameters(), lr=0.1)) for module in (first, second)]
    phases[1].name = "critic"
    step = Step({"model": first, "critic": second}, phases, sample_rate=10)
    finished = []
    step.after_update = lambda: finished.append(step.num_updates)
    updater, before = Updater(step, "cpu"), []
    for seed in (0, 1, 2):
        keys, data = batch([4, 4], seed)
        before.append((first.weight.item(), second.weight.item()))
        result = updater([(keys, {"signal": data["speech_mix"]})])
        assert result.skipped == (seed == 1)
    assert (
        "update of the critic skipped, its gradient is not finite: the loss is not finite for ['utt11']"
        in caplog.text
    )
    assert before[1][0] != before[2][0] and before[1][1] == before[2][1]
    assert finished == [0, 1, 2]  # the first phase was updated each time

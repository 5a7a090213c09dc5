"""Masked generation: what is masked, what is kept, in which order."""

from dataclasses import replace

import pytest
import torch

from espnet_tse.lm.masked_lm import MaskedLM, MaskedLMConfig
from espnet_tse.lm.unmasking import MaskedDecode
from espnet_tse.models.masked_tse import masked_loss
from espnet_tse.schema import Codes, Conditions, Frames, Prediction, Request, Streams
from espnet_tse.schema.stream_spec import CodesSpec

HOP, RATE = 320, 16000
TWO_STREAMS = {"global": CodesSpec(1, 8, num_tokens=3), "semantic": CodesSpec(1, 12, hop_length=HOP)}
THREE_BOOKS = {"acoustic": CodesSpec(3, 10, hop_length=HOP)}


def small(specs=TWO_STREAMS, **conf) -> MaskedLM:
    torch.manual_seed(0)
    sizes = {"num_layers": 2, "width": 16, "num_heads": 2, "feedforward": 32, "dropout": 0.0}
    return MaskedLM.from_config(
        MaskedLMConfig(**{**sizes, "attention_dropout": 0.0, **conf}), specs, RATE
    ).eval()


def conditions_of(lengths, enrollment=(5, 5)) -> Conditions:
    generator = torch.Generator().manual_seed(1)
    streams = Streams()
    for name, sizes in (("mixture", lengths), ("enrollment", enrollment[: len(lengths)])):
        values = torch.randn(len(sizes), max(sizes), 16, generator=generator)
        frames = Frames(values, torch.tensor(sizes), 50.0)
        streams[name] = Frames(values.masked_fill(frames.padding_mask[..., None], 0.0), frames.lengths, 50.0)
    return Conditions(streams)


def request_of(lengths, conf=MaskedDecode(), given=None) -> Request:
    return Request(torch.tensor(lengths) * HOP, [f"k{row}" for row in range(len(lengths))], conf, given)


def codes_for(lm, lengths) -> Streams:
    generator = torch.Generator().manual_seed(2)
    streams = Streams()
    for name, spec in lm.specs.items():
        count = torch.tensor([spec.num_tokens] * len(lengths) if spec.hop_length is None else lengths)
        values = torch.randint(
            spec.codebook_size, (len(lengths), spec.num_codebooks, int(count.max())), generator=generator
        )
        codes = Codes(values, count, lm.rate(name))
        streams[name] = Codes(values.masked_fill(codes.padding_mask[:, None], -1), count, lm.rate(name))
    return streams


def test_the_enrollments_mean_reaches_the_frames_of_streams_at_a_rate_alone():
    lm, conditions = small(add_enrollment=True), conditions_of([6])
    other = conditions_of([6])
    other.streams["enrollment"].values[0, 1] += 1.0
    codes = codes_for(lm, [6])
    for name, moves in (("global", False), ("semantic", True)):
        masked = torch.ones_like(codes[name].values, dtype=torch.bool)
        pair = [lm.embedded(name, codes[name].values, masked, heard) for heard in (conditions, other)]
        assert torch.equal(*pair) != moves
    with pytest.raises(ValueError, match="frame_synchronous, which is off"):
        small(add_enrollment=True, frame_synchronous=False)


def test_a_style_without_positions_is_refused():
    with pytest.raises(ValueError, match="style gpt2 has no rotary positions"):
        small(style="gpt2")


@pytest.mark.parametrize("specs", [TWO_STREAMS, THREE_BOOKS], ids=["two streams", "three codebooks"])
@pytest.mark.parametrize(
    "conf",
    [
        MaskedDecode(),
        MaskedDecode(steps=3, finer_steps=2, remask=True),
        MaskedDecode(sampling=True, temperature=0.9, top_k=5, confidence_noise=1.0),
    ],
    ids=["greedy", "remasked", "drawn"],
)
def test_a_row_is_the_same_in_any_batch_and_every_token_is_filled(specs, conf):
    lm = small(specs)
    together = lm.generate(conditions_of([7, 4]), request_of([7, 4], conf))
    books = lm.num_codebooks
    assert together.num_function_evaluations == conf.steps + (books - 1) * conf.finer_steps
    for row, length in enumerate((7, 4)):
        conditions = conditions_of([7, 4]).rows(torch.tensor([row]))
        for frames in conditions.streams.values():
            frames.values = frames.values[:, : int(frames.lengths)]
        request = replace(request_of([length], conf), keys=[f"k{row}"])
        alone = lm.generate(conditions, request)
        for name, spec in specs.items():
            found, expected = together.streams[name], alone.streams[name]
            count = int(found.lengths[row])
            assert torch.equal(found.values[row, :, :count], expected.values[0])
            assert (found.values[row, :, count:] == -1).all()
            assert 0 <= int(expected.values.min()) and int(expected.values.max()) < spec.codebook_size


def test_seeds_change_draws_and_nothing_else():
    lm = small()
    draw = MaskedDecode(sampling=True, temperature=3.0)
    one, again, other = (
        lm.generate(conditions_of([20]), request_of([20], replace(draw, seed=seed)))
        .streams["semantic"]
        .values
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_masks_fall_by_the_cosine_and_kept_tokens_stay(monkeypatch):
    lm, shown = small(THREE_BOOKS), []
    forward = lm.logits

    def watch(conditions, codes, masked):
        shown.append((codes["acoustic"].values.clone(), masked["acoustic"].clone()))
        return forward(conditions, codes, masked)

    monkeypatch.setattr(lm, "logits", watch)
    final = lm.generate(conditions_of([8]), request_of([8], MaskedDecode(steps=4))).streams["acoustic"].values
    # 8 tokens, 4 passes: floor(8 cos(pi i / 8)) for i = 0 .. 3; then the finer codebooks, one pass each.
    assert [int(masked[0, 0].sum()) for _, masked in shown] == [8, 7, 5, 3, 0, 0]
    assert [int(masked[0, 1].sum()) for _, masked in shown] == [8, 8, 8, 8, 8, 0]
    for values, masked in shown:
        assert torch.equal(values[0, 0][~masked[0, 0]], final[0, 0][~masked[0, 0]])


def test_the_surest_tokens_are_kept_first(monkeypatch):
    lm, seen = small({"semantic": CodesSpec(1, 12, hop_length=HOP)}), []
    forward = lm.logits

    def watch(conditions, codes, masked):
        logits = forward(conditions, codes, masked)
        seen.append((masked["semantic"][0, 0].clone(), logits["semantic"][0, :, 0].softmax(-1).amax(-1)))
        return logits

    monkeypatch.setattr(lm, "logits", watch)
    lm.generate(conditions_of([9]), request_of([9], MaskedDecode(steps=2)))
    (_, sure), (left, _) = seen
    assert 0 < left.sum() < 9 and sure[left].max() <= sure[~left].min()


def test_what_is_given_is_kept_and_heard():
    lm = small()
    given = Codes(torch.tensor([[[1, 2, 3]]]), torch.tensor([3]), None)
    request = request_of([6], given=Prediction(Streams({"global": given})))
    found = lm.generate(conditions_of([6]), request)
    assert torch.equal(found.streams["global"].values, given.values)
    other = Codes(torch.tensor([[[7, 7, 0]]]), torch.tensor([3]), None)
    codes = {name: codes.values for name, codes in codes_for(lm, [6]).items()}
    masked = {
        "global": torch.zeros(1, 1, 3, dtype=torch.bool),
        "semantic": torch.ones(1, 1, 6, dtype=torch.bool),
    }
    semantic = Codes(codes["semantic"], torch.tensor([6]), 50.0)
    one, two = (
        lm.logits(conditions_of([6]), Streams({"global": voice, "semantic": semantic}), masked)["semantic"]
        for voice in (given, other)
    )
    assert not torch.allclose(one, two)


@pytest.mark.parametrize("specs", [TWO_STREAMS, THREE_BOOKS], ids=["two streams", "three codebooks"])
def test_logits_do_not_know_what_is_masked_and_padding_does_not_count(specs):
    lm = small(specs)
    codes = codes_for(lm, [6, 3])
    masked = {
        name: torch.rand(c.values.shape, generator=torch.Generator().manual_seed(5)) < 0.5
        for name, c in codes.items()
    }
    before = lm.logits(conditions_of([6, 3]), codes, masked)
    changed = Streams()
    for name, stream in codes.items():
        other = (stream.values + 1) % specs[name].codebook_size
        values = torch.where(masked[name] | stream.padding_mask[:, None], other, stream.values)
        changed[name] = Codes(values, stream.lengths, stream.frame_rate)
    after = lm.logits(conditions_of([6, 3]), changed, masked)
    for name, stream in codes.items():
        valid = ~stream.padding_mask
        torch.testing.assert_close(before[name][valid], after[name][valid])


def test_losses_count_masked_tokens_of_one_codebook():
    lm = small(THREE_BOOKS).train()
    codes = codes_for(lm, [40, 25])
    torch.manual_seed(0)
    levels = set()
    for _ in range(40):
        share, pick = torch.rand(2, 2)
        masked, counted = lm.drawn_masks(codes["acoustic"], 3, share, pick)
        for row, length in enumerate((40, 25)):
            level = int(pick[row] * 3)
            levels.add(level)
            assert not masked[row, :level].any() and masked[row, level + 1 :, :length].all()
            assert not masked[row, :, length:].any()
            assert torch.equal(counted[row, level], masked[row, level])
            assert int(counted[row].sum()) == max(1, int(torch.ceil(share[row] * length)))
    assert levels == {0, 1, 2}


def test_validation_does_not_draw_and_training_does():
    lm = small()
    conditions, codes = conditions_of([9, 6]), codes_for(lm, [9, 6])
    assert masked_loss(lm, conditions, codes)[0] == masked_loss(lm, conditions, codes)[0]
    lm.train()
    assert masked_loss(lm, conditions, codes)[0] != masked_loss(lm, conditions, codes)[0]


def test_an_encoder_alone_takes_one_pass_and_sees_no_token():
    lm = small(THREE_BOOKS, encoder_only=True)
    conditions, codes = conditions_of([6]), codes_for(lm, [6])
    found = lm.generate(conditions, request_of([6]))
    everything = {"acoustic": torch.ones(1, 3, 6, dtype=torch.bool)}
    likeliest = lm.logits(conditions, codes, everything)["acoustic"].argmax(-1)
    assert found.num_function_evaluations == 1
    assert torch.equal(found.streams["acoustic"].values, likeliest.transpose(1, 2))
    masked, counted = lm.drawn_masks(codes["acoustic"], 3, torch.rand(1), torch.rand(1))
    assert masked.all() and counted.all()


def test_a_small_model_learns_to_copy_what_it_hears():
    """Tokens that the mixture's frames tell are right after some updates, in few passes and in many."""
    torch.manual_seed(0)
    specs = {"semantic": CodesSpec(1, 6, hop_length=HOP)}
    lm = small(specs, width=32, feedforward=64).train()
    table = torch.randn(6, 32)

    def draw(rows):
        said = torch.randint(6, (rows, 10))
        lengths = torch.full((rows,), 10)
        frames = Frames(table[said] + 0.1 * torch.randn(rows, 10, 32), lengths, 50.0)
        streams = Streams(
            mixture=frames, enrollment=Frames(torch.zeros(rows, 1, 32), torch.ones_like(lengths), 50.0)
        )
        return Conditions(streams), Codes(said[:, None], lengths, 50.0)

    optimizer = torch.optim.AdamW(lm.parameters(), lr=5e-3)
    for _ in range(60):
        conditions, codes = draw(16)
        optimizer.zero_grad()
        masked_loss(lm, conditions, Streams(semantic=codes))[0].backward()
        optimizer.step()
    lm.eval()
    conditions, codes = draw(20)
    for steps in (1, 4):
        found = lm.generate(conditions, request_of([10] * 20, MaskedDecode(steps=steps)))
        assert (found.streams["semantic"].values == codes.values).float().mean() > 0.95


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"steps": 0}, "steps is 0"),
        ({"finer_steps": 0}, "finer_steps is 0"),
        ({"confidence_noise": -1.0}, "want 0"),
    ],
)
def test_wrong_settings_are_errors(settings, message):
    with pytest.raises(ValueError, match=message):
        MaskedDecode(**settings)


def test_candidates_differ_where_something_is_drawn():
    assert MaskedDecode(candidates=2, confidence_noise=0.5).draws
    with pytest.raises(ValueError, match="would all be the same"):
        MaskedDecode(candidates=2)

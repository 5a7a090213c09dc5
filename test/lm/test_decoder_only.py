import dataclasses

import pytest
import torch
from factories import make_batch, make_codes, make_conditions, nano_laura_tse, take, take_row

from espnet_tse.lm.decoder_only import DecoderOnlyConfig, DecoderOnlyDecode, DecoderOnlyLM
from espnet_tse.schema import CodecSpec, Conditions, Request


@pytest.fixture(params=[("relative", False), ("rotary", False), ("rotary", True)], ids=str)
def model(request):
    position, shortcuts = request.param
    return nano_laura_tse(position, shortcuts=shortcuts)


def conditions_of(model, batch):
    with torch.no_grad():
        return model.encoder(batch)


def generated(model, conditions, batch, **conf):
    request = Request(batch.mixture_lengths, batch.keys, DecoderOnlyDecode(**conf))
    return model.lm.generate(conditions, request).streams["acoustic"]


def rows_of(conditions: Conditions, row: int) -> Conditions:
    return make_conditions(*(take(conditions.streams[name], row) for name in ("mixture", "enrollment")))


def test_a_code_changes_later_predictions_and_no_earlier_one(model):
    batch = make_batch([0.8], [0.4], model.codec)
    conditions, codes = conditions_of(model, batch), batch.targets["acoustic"]
    with torch.no_grad():
        before = model.lm(conditions, codes)
        codes.values[0, 0, 7] = (codes.values[0, 0, 7] + 1) % 32
        after = model.lm(conditions, codes)
    # Row t predicts frame t from the frames before it.
    torch.testing.assert_close(before[:, :8], after[:, :8], atol=0, rtol=0)
    assert all((before[0, t] - after[0, t]).abs().max() > 1e-6 for t in range(8, before.size(1)))


def test_the_prefix_is_bidirectional_and_blind_to_codes(model):
    batch = make_batch([0.5], [0.4], model.codec)
    conditions = conditions_of(model, batch)
    start = model.lm.prefix(conditions).values.size(1)
    hidden = []
    model.lm.stack.norm.register_forward_hook(lambda module, inputs, output: hidden.append(output))
    with torch.no_grad():
        model.lm(conditions, batch.targets["acoustic"])
        batch.targets["acoustic"].values[:] = make_codes([13], model.codec.spec, seed=3).values
        model.lm(conditions, batch.targets["acoustic"])
        conditions.streams["mixture"].values[0, 20] += 1.0
        model.lm(conditions, batch.targets["acoustic"])
    torch.testing.assert_close(hidden[0][:, :start], hidden[1][:, :start], atol=0, rtol=0)
    assert not torch.allclose(hidden[0][:, start + 1 :], hidden[1][:, start + 1 :])
    moved = (hidden[1] - hidden[2]).abs().amax(dim=-1)[0]
    assert bool((moved > 0).all())  # the whole prefix, the task token and every code hear the mixture


def test_greedy_decoding_with_cache_equals_decoding_without(model):
    batch = make_batch([1.0, 0.6, 0.3], [0.3, 0.5, 0.2], model.codec)
    conditions, frames = conditions_of(model, batch), batch.targets["acoustic"].lengths
    cached = generated(model, conditions, batch)
    plain = generated(model, conditions, batch, use_cache=False)
    assert cached.lengths.tolist() == frames.tolist() == plain.lengths.tolist()
    torch.testing.assert_close(cached.values, plain.values, atol=0, rtol=0)


def test_autoregression_equals_teacher_forcing_on_its_own_output(model):
    batch = make_batch([0.9, 0.5], [0.3, 0.6], model.codec)
    conditions = conditions_of(model, batch)
    codes = generated(model, conditions, batch)
    with torch.no_grad():
        logits = model.lm(conditions, codes)[..., :-1]  # no end token in exact mode
    for row, length in enumerate(codes.lengths.tolist()):
        forced = logits[row, :length].argmax(dim=-1).T
        torch.testing.assert_close(forced, codes.values[row, :, :length], atol=0, rtol=0)


def test_cached_logits_equal_teacher_forced_logits(model):
    from espnet_tse.lm.decoder_only import CachedDecoder

    batch = make_batch([0.6, 0.4], [0.3, 0.5], model.codec)
    conditions, codes = conditions_of(model, batch), batch.targets["acoustic"]
    with torch.no_grad():
        forced = model.lm(conditions, codes)
        decoder = CachedDecoder(
            model.lm, model.lm.prefix(conditions), model.lm.added_conditions(conditions, 17), 16
        )
        newest = None
        for step in range(int(codes.lengths.min())):
            torch.testing.assert_close(decoder.step(newest), forced[:, step], atol=1e-5, rtol=1e-5)
            newest = model.lm.embed(codes.values[:, :2, step : step + 1])


@pytest.mark.parametrize("sampling", [False, True])
def test_rows_decode_alone_as_in_a_batch(model, sampling):
    batch = make_batch([1.0, 0.3, 0.6], [0.3, 0.5, 0.2], model.codec)
    conf = {"sampling": sampling, "top_k": 25, "seed": 3}
    conditions = conditions_of(model, batch)
    together = generated(model, conditions, batch, **conf)
    for row in range(3):
        single = take_row(batch, row)
        alone = generated(model, conditions_of(model, single), single, **conf)
        torch.testing.assert_close(
            alone.values[0], together.values[row, :, : alone.values.size(2)], atol=0, rtol=0
        )


def push_end(model, after: int):
    """Make the end token win from frame ``after`` on."""
    logits = model.lm.logits
    calls = []

    def with_end(hidden):
        values = logits(hidden)
        calls.append(1)
        if len(calls) > after:
            values[..., -1] = 1e4
        return values

    model.lm.logits = with_end


@pytest.mark.parametrize(
    "mode, after, expected",
    [("eos", 3, 3), ("eos", 99, 27), ("bounded", 3, 22), ("bounded", 99, 27), ("exact", 3, 25)],
)
def test_length_modes(model, mode, after, expected):
    batch = make_batch([1.0], [0.3], model.codec)
    with torch.no_grad():
        model.lm.head.bias.view(2, 33)[:, 32] = -1e4
    push_end(model, after)
    codes = generated(model, conditions_of(model, batch), batch, length_mode=mode)
    assert codes.lengths.tolist() == [expected] and codes.values.size(2) == expected
    assert int(codes.values.max()) < 32 and int(codes.values.min()) >= 0


def test_seeded_sampling_repeats_and_another_seed_differs(model):
    batch = make_batch([1.0], [0.3], model.codec)
    conditions = conditions_of(model, batch)

    def draw(seed):
        return generated(model, conditions, batch, sampling=True, seed=seed).values

    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))


def test_padding_behind_the_codes_changes_nothing(model):
    batch = make_batch([0.8, 0.4], [0.4, 0.4], model.codec)
    conditions, codes = conditions_of(model, batch), batch.targets["acoustic"]
    with torch.no_grad():
        together = model.lm(conditions, codes)
        for row in range(2):
            alone = model.lm(rows_of(conditions, row), take(codes, row))
            torch.testing.assert_close(together[row, : alone.size(1)], alone[0], atol=1e-5, rtol=1e-5)


def test_more_codebooks_than_the_codec_has_are_refused():
    config = DecoderOnlyConfig(num_layers=1, width=16, num_heads=2, feedforward=16, num_codebooks=5)
    with pytest.raises(ValueError, match="exceeds the codec's 4"):
        DecoderOnlyLM.from_config(config, torch.zeros(4, 8, 16), CodecSpec(16000, 640, 4, 8, 16))
    with pytest.raises(ValueError, match="1 or more"):
        DecoderOnlyConfig(num_codebooks=0)


def test_a_withheld_history_is_withheld_in_decoding_too():
    model = nano_laura_tse("rotary", shortcuts=True)
    model.lm.stack.config = dataclasses.replace(model.lm.stack.config, history_dropout=1.0)
    batch = make_batch([0.8], [0.4], model.codec)
    conditions, codes = conditions_of(model, batch), batch.targets["acoustic"]
    with torch.no_grad():
        before = model.lm(conditions, codes)
        codes.values[:] = make_codes([20], model.codec.spec, seed=3).values
        torch.testing.assert_close(model.lm(conditions, codes), before, atol=0, rtol=0)
        decoded = generated(model, conditions, batch)
    best = before[0, :20, :, :32].argmax(dim=-1).T
    assert torch.equal(decoded.values[0], best)

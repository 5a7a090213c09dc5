"""GenTSE: the acceptance checks of its two language models, of Frozen-LM Conditioning, and of decoding."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from factories import Second, TableCodec, make_batch, make_codes, take_row
from torch import nn

from espnet_tse.encoder.adapter import AcousticAdapterEncoder, AdapterConfig, AdapterEncoder
from espnet_tse.frontend.log_mel import LogMel, LogMelConfig
from espnet_tse.io.scp import DataError
from espnet_tse.lm.stream_lm import BEGIN, StreamLM, StreamLMConfig
from espnet_tse.models.gentse import GenTSE, GenTSEConfig, GenTSEDecode, GenTSESemantic, chosen_rows
from espnet_tse.schema import CodecSpec, Prediction, Request, Streams
from espnet_tse.schema.stream_spec import CodesSpec
from espnet_tse.train.trainer import prepare_transformers
from espnet_tse.vocoder.codec_decoder import CodecDecoder

UNITS = CodesSpec(1, 24, hop_length=320)
CODEC = CodecSpec(16000, 160, 1, 40, 16)  # 100 Hz, twice the rate of the units
SIZES = {"num_layers": 2, "width": 32, "num_heads": 4, "feedforward": 64, "max_positions": 400}


def nano_lm(specs, **conf) -> StreamLM:
    dropout = {"dropout": 0.0, "attention_dropout": 0.0}
    return StreamLM.from_config(StreamLMConfig(**{**SIZES, **dropout, **conf}), specs, 16000)


def frontend() -> LogMel:
    return LogMel(LogMelConfig(hop_length=320, num_mels=20))


ADAPTER = AdapterConfig(feature_shift=40.0, feature_scale=0.05)


def stage_1(flc=0.0, seed=0, **conf) -> GenTSESemantic:
    torch.manual_seed(seed)
    lm = nano_lm({"semantic": UNITS}, **conf)
    return GenTSESemantic(GenTSEConfig(flc), AdapterEncoder(frontend(), ADAPTER, lm.width), lm)


def gentse(flc=0.0, seed=0, **conf) -> GenTSE:
    torch.manual_seed(seed)
    codec = TableCodec(CODEC)
    lms = nano_lm({"semantic": UNITS}, **conf), nano_lm({"semantic": UNITS, "acoustic": CODEC.stream}, **conf)
    return GenTSE(
        GenTSEConfig(flc),
        AdapterEncoder(frontend(), ADAPTER, 32),
        lms[0],
        AcousticAdapterEncoder(frontend(), ADAPTER, 32),
        lms[1],
        CodecDecoder(codec),
    )


def batch_of(*seconds, seed=0):
    batch = make_batch(list(seconds), [0.5, 0.7, 0.4][: len(seconds)], TableCodec(CODEC), seed=seed)
    spec = CodecSpec(16000, 320, 1, 24, 16)
    batch.targets["semantic"] = make_codes(
        [spec.num_frames(int(n)) for n in batch.mixture_lengths], spec, seed
    )
    return batch


def request_for(batch, **conf) -> Request:
    return Request(batch.mixture_lengths, batch.keys, GenTSEDecode(**conf))


def with_frozen(model, *names):
    for name in names:
        model.keep_frozen(name, getattr(model, name).state_dict())
    return model


# --- Sequence, loss ------------------------------------------------------------------------------------------


def test_the_prompt_is_enrollment_mixture_and_units_and_the_loss_is_of_every_token():
    model, batch = gentse().eval(), batch_of(0.6)
    earlier = Streams(semantic=batch.targets["semantic"])
    prompt = model.acoustic_lm.prompt(model.acoustic_encoder(batch), earlier)
    # log-mel has a frame more than whole hops; units 30, codes 60.
    assert prompt.values.shape == (1, 26 + 31 + 30, 32) and not prompt.padding.any()
    logits = model.acoustic_lm.logits(model.acoustic_encoder(batch), earlier, batch.targets["acoustic"])
    assert logits.shape == (1, 60, 3 + 24 + 40)


def test_the_loss_of_random_weights_is_that_of_guessing():
    for model, size in ((stage_1(), 27), (gentse(), 67)):
        loss, stats = model.eval().loss(batch_of(1.0, 0.8))
        assert float(loss.detach()) == pytest.approx(math.log(size), rel=0.1)
        assert 0 <= float(next(value for name, value in stats.items() if name.startswith("acc"))) < 0.3


@pytest.mark.parametrize("conf", [{}, {"frame_synchronous": True}, {"prefix_bidirectional": True}])
def test_tokens_see_those_before_them_and_every_condition(conf):
    model, batch = gentse(**conf).eval(), batch_of(0.6)
    conditions, codes = model.acoustic_encoder(batch), batch.targets["acoustic"]
    earlier = Streams(semantic=batch.targets["semantic"])
    reference = model.acoustic_lm.logits(conditions, earlier, codes)
    changed = replace(codes, values=codes.values.clone())
    changed.values[0, 0, 20] = (changed.values[0, 0, 20] + 1) % 40
    logits = model.acoustic_lm.logits(conditions, earlier, changed)
    assert torch.equal(logits[:, :21], reference[:, :21]) and not torch.allclose(
        logits[:, 21], reference[:, 21]
    )
    for name in ("enrollment", "mixture"):
        frames = conditions.streams[name]
        other = replace(frames, values=frames.values.clone())
        other.values[:, 3] += torch.randn(32, generator=torch.Generator().manual_seed(0))
        streams = Streams({**conditions.streams, name: other})
        logits = model.acoustic_lm.logits(replace(conditions, streams=streams), earlier, codes)
        assert not torch.equal(logits[:, 0], reference[:, 0])


@pytest.mark.parametrize("conf", [{}, {"frame_synchronous": True}])
def test_a_row_is_the_same_in_any_batch(conf):
    model, batch = gentse(**conf).eval(), batch_of(1.0, 0.6, 0.8)
    losses = [float(model.loss(take_row(batch, row))[0]) for row in range(3)]
    lengths = batch.targets["acoustic"].lengths
    expected = sum(loss * int(n) for loss, n in zip(losses, lengths)) / int(lengths.sum())
    assert float(model.loss(batch)[0]) == pytest.approx(expected, rel=1e-5)


def test_codes_of_another_tokenizer_are_refused():
    batch = batch_of(0.6)
    batch.targets["semantic"].values[0, 0, 3] = 24
    with pytest.raises(ValueError, match="codes of 'semantic' reach 24, its vocabulary has 24 entries"):
        stage_1().loss(batch)
    del batch.targets["semantic"]
    with pytest.raises(DataError, match="--train_tokens and --valid_tokens semantic=FOLDER"):
        stage_1().loss(batch)


def test_a_mixture_beyond_the_table_of_positions_is_refused():
    model = gentse(max_positions=40).eval()
    with pytest.raises(
        ValueError, match="50 tokens are more than max_positions 40; set max_chunk_s below 0.8"
    ):
        model.estimate(batch_of(1.0), request_for(batch_of(1.0)))


def test_residual_codes_are_refused():
    with pytest.raises(ValueError, match="one token a frame"):
        nano_lm({"acoustic": CodesSpec(2, 40, hop_length=320)})


# --- Frozen-LM Conditioning ----------------------------------------------------------------------------------


def test_flc_feeds_what_the_frozen_model_predicts_and_keeps_the_truth_as_labels():
    batch = batch_of(1.0, 0.6)
    model = with_frozen(stage_1(flc=1.0), "encoder", "semantic_lm").eval()
    conditions, codes = model.encoder(batch), batch.targets["semantic"]
    predicted = model.semantic_lm.likeliest(conditions, Streams(), codes)
    first = model.semantic_lm.logits(conditions, Streams(), codes)[..., 3:].argmax(dim=-1)
    valid = ~codes.padding_mask
    assert torch.equal(predicted.values[:, 0][valid], first[valid])
    logits = model.semantic_lm.logits(conditions, Streams(), predicted)
    expected = nn.functional.cross_entropy(logits[valid], codes.values[:, 0][valid] + 3)
    loss, _ = model.loss(batch)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    plain, _ = stage_1().eval().loss(batch)
    assert float(loss) != pytest.approx(float(plain), rel=1e-6)


def test_flc_of_stage_2_takes_predicted_units_and_predicted_history():
    batch = batch_of(1.0, 0.6)
    model = with_frozen(gentse(flc=1.0), "acoustic_encoder", "acoustic_lm").eval()
    loss, _ = model.loss(batch)
    units = model.semantic_lm.likeliest(model.encoder(batch), Streams(), batch.targets["semantic"])
    given = replace(batch, targets=Streams(semantic=units, acoustic=batch.targets["acoustic"]))
    history = model.acoustic_lm.likeliest(
        model.acoustic_encoder(batch), Streams(semantic=units), batch.targets["acoustic"]
    )
    logits = model.acoustic_lm.logits(model.acoustic_encoder(batch), Streams(semantic=units), history)
    valid = ~given.targets["acoustic"].padding_mask
    truth = batch.targets["acoustic"].values[:, 0]
    assert float(loss) == pytest.approx(
        float(nn.functional.cross_entropy(logits[valid], truth[valid] + 27)), rel=1e-5
    )


def test_the_frozen_copy_never_moves_and_is_in_no_checkpoint():
    model = with_frozen(stage_1(flc=1.0), "encoder", "semantic_lm")
    frozen = model.frozen("semantic_lm")
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    for _ in range(3):
        model.train()
        loss, _ = model.loss(batch_of(0.6, 0.5))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert not frozen.training and all(p.grad is None for p in frozen.parameters())
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())
    assert not any(
        torch.equal(p, before[name]) for name, p in model.semantic_lm.named_parameters() if "blocks" in name
    )
    assert not any(name.startswith("frozen") for name in model.state_dict())
    stage_1(flc=1.0).load_state_dict(model.state_dict())


def test_flc_without_a_frozen_model_says_what_is_lacking():
    with pytest.raises(DataError, match="the frozen encoder is lacking; name a trained system"):
        stage_1(flc=0.5).loss(batch_of(0.6))


def test_a_share_of_rows_keeps_the_truth():
    one, two = (make_codes([5, 3], CODEC, seed) for seed in (0, 1))
    mixed = chosen_rows(torch.tensor([True, False]), one, two)
    assert torch.equal(mixed.values[0], one.values[0]) and torch.equal(mixed.values[1], two.values[1])


def test_stage_2_leaves_stage_1_alone():
    model = gentse().train()
    loss, _ = model.loss(batch_of(0.6, 0.5))
    loss.backward()
    assert not model.semantic_lm.training and not model.encoder.training
    assert all(p.grad is None for p in [*model.encoder.parameters(), *model.semantic_lm.parameters()])
    trained = [*model.acoustic_lm.parameters(), model.acoustic_encoder.projection.weight]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained)


# --- Decoding ------------------------------------------------------------------------------------------------

CONFS = [{}, {"sampling": True, "top_k": 8}, {"sampling": True, "sample_semantic": True, "temperature": 0.8}]


@pytest.mark.parametrize("conf", CONFS)
@pytest.mark.parametrize("lm", [{}, {"frame_synchronous": True}, {"prefix_bidirectional": True}])
def test_cached_decoding_is_that_of_recomputing_and_rows_are_those_of_single_runs(conf, lm):
    model, batch = gentse(seed=3, **lm).eval(), batch_of(1.0, 0.3, 0.6)
    cached = model.estimate(batch, request_for(batch, **conf)).prediction.streams
    plain = model.estimate(batch, request_for(batch, use_cache=False, **conf)).prediction.streams
    assert cached["semantic"].lengths.tolist() == [50, 15, 30]
    assert cached["acoustic"].lengths.tolist() == [100, 30, 60]
    for name, size in (("semantic", 24), ("acoustic", 40)):
        assert torch.equal(cached[name].values, plain[name].values)
        valid = ~cached[name].padding_mask
        assert cached[name].values[:, 0][valid].min() >= 0 and cached[name].values.max() < size
        assert (cached[name].values[:, 0][~valid] == -1).all()
    for row in range(3):
        alone = take_row(batch, row)
        single = model.estimate(alone, request_for(alone, **conf)).prediction.streams
        for name in single:
            length = int(cached[name].lengths[row])
            assert torch.equal(single[name].values[0, 0], cached[name].values[row, 0, :length])


@pytest.mark.parametrize("sample_semantic", [False, True])
def test_candidates_are_those_of_single_runs_whether_or_not_their_units_are_drawn(sample_semantic):
    model, batch = gentse().eval(), replace(batch_of(0.6, 0.3), keys=["a", "b"])
    conf = GenTSEDecode(sampling=True, sample_semantic=sample_semantic, candidates=2)
    kept = model.extract(batch, conf, selector=Second())
    single = model.extract(replace(batch, keys=["a#1", "b#1"]), replace(conf, candidates=1))
    for name, stream in single.prediction.streams.items():
        assert torch.equal(kept.prediction.streams[name].values, stream.values)


def test_units_that_are_given_are_not_generated():
    model, batch = gentse().eval(), batch_of(1.0, 0.6)
    given = Prediction(Streams(semantic=batch.targets["semantic"]))
    estimate = model.estimate(batch, replace(request_for(batch), given=given))
    assert estimate.prediction.streams["semantic"] is batch.targets["semantic"]
    assert estimate.num_function_evaluations == 100
    assert model.estimate(batch, request_for(batch)).num_function_evaluations == 150


def test_long_mixtures_and_the_waveform():
    model, batch = gentse().eval(), batch_of(2.5, 0.6)
    estimate = model.extract(batch, GenTSEDecode(max_chunk_s=1.0, overlap_s=0.25))
    assert estimate.waveform.shape == batch.mixture.shape and torch.isfinite(estimate.waveform).all()
    assert (estimate.waveform[1, 9600:] == 0).all()


def test_stage_1_alone_makes_no_waveform():
    with pytest.raises(DataError, match="makes no waveform; extract with a system of model gentse"):
        stage_1().extract(batch_of(0.6), GenTSEDecode())


def test_settings_that_do_nothing_are_refused():
    with pytest.raises(ValueError, match="sample_semantic draws only with sampling: true"):
        GenTSEDecode(sample_semantic=True)
    with pytest.raises(ValueError, match="style llama has no learned positions"):
        StreamLMConfig(style="llama")
    assert BEGIN == 1


@pytest.mark.parametrize("checkpointing, backend", [(True, None), (False, "eager")])
def test_checkpointing_and_compilation_reach_its_stacks_and_change_nothing(checkpointing, backend):
    model, batch = gentse().train(), batch_of(0.6)
    plain, _ = model.loss(batch)
    options = SimpleNamespace(activation_checkpointing=checkpointing, compile_backend=backend)
    prepare_transformers(model, options)
    assert model.acoustic_lm.stack.checkpoint_activations == checkpointing
    compiled = [block._compiled_call_impl is not None for block in model.acoustic_lm.stack.blocks]
    assert compiled == [backend is not None] * len(compiled)
    loss, _ = model.loss(batch)
    loss.backward()
    torch.testing.assert_close(loss, plain)

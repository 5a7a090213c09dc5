"""Every variant of LauraTSE's Tables I to III: it builds, trains, decodes, scores, and is what its name says."""

import pytest
import torch
from factories import NANO, TableCodec, make_batch, make_codes, take_row
from tse_system import write_wavlm

from espnet_tse.layers.condition_sequence import join_conditions
from espnet_tse.lm.leading_codes import codes_behind, frames_behind, join_codes
from espnet_tse.models.laura_tse import LauraTSE, LauraTSEConfig, LauraTSEDecode
from espnet_tse.schema import CodecSpec
from espnet_tse.scoring.measure.si_sdr import si_sdr
from espnet_tse.tasks.choices import (
    encoder_choices,
    frontend_choices,
    lm_choices,
    model_choices,
    vocoder_choices,
)

SIZES = {**NANO, "position": "relative"}
VARIANTS = {
    "base": {},
    "n1": {"lm": {"num_codebooks": 1}},
    "n3": {"lm": {"num_codebooks": 3}},
    "encoder_mix": {"vocoder": {"conditions": "mixture"}},
    "encoder_ref": {"vocoder": {"conditions": "enrollment"}},
    "split": {"model": {"split": True, "truth_share": 1.0}},
    "split_lm_tokens": {"model": {"split": True, "truth_share": 0.0}},
    "ref_output": {"lm": {"output_enrollment": True, "separator": False}},
    "discrete_io": {"lm": {"own_tables": True}},
    "wavlm": {},
    "joint_positions": {"vocoder": {"absolute_positions": "joint"}},
    "no_positions": {"vocoder": {"absolute_positions": "none"}},
}


def build(conf: dict, codec, frontend=("log_mel", {"num_mels": 64}), sizes: dict = SIZES) -> LauraTSE:
    torch.manual_seed(0)

    def encoder():
        built = frontend_choices.build(*frontend, codec=codec)
        width = codec.spec.embedding_dim
        return encoder_choices.build(
            "shared_transformer", {"num_layers": 1, **sizes}, frontend=built, output_dim=width
        )

    lm_conf = {"num_layers": 1, "attention_dropout": 0.0, **sizes, **conf.get("lm", {})}
    lm = lm_choices.build("decoder_only", lm_conf, codebooks=codec.codebooks, spec=codec.spec)
    vocoder_conf = {"num_layers": 1, **sizes, **conf.get("vocoder", {})}
    parts = {"vocoder_encoder": encoder()} if conf.get("model", {}).get("split") else {}
    vocoder = vocoder_choices.build("fine_embedding", vocoder_conf, codec=codec)
    return model_choices.build(
        "laura_tse", conf.get("model", {}), encoder=encoder(), lm=lm, vocoder=vocoder, **parts
    )


def variant(name: str, folder=None, position="relative") -> LauraTSE:
    frontend = ("log_mel", {"num_mels": 64})
    if name == "wavlm":
        frontend = ("wavlm", {"model_dir": str(write_wavlm(folder / "wavlm")), "layer": 2})
    return build(VARIANTS[name], TableCodec(), frontend, {**SIZES, "position": position}).eval()


@pytest.mark.parametrize(
    "name, position", [*((name, "relative") for name in VARIANTS), ("ref_output", "rotary")]
)
def test_every_variant_trains_decodes_and_scores(name, position, tmp_path):
    model = variant(name, tmp_path, position).train()
    batch = make_batch([0.5, 0.31], [0.3, 0.41], model.codec)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        loss, stats = model.loss(batch)
        loss.backward()
        assert loss.isfinite() and all(value.isfinite() for value in stats.values())
        for part in filter(
            None, (model.encoder, model.lm, model.vocoder, getattr(model, "vocoder_encoder", None))
        ):
            lazy = [
                n
                for n, p in part.named_parameters()
                if p.requires_grad and (p.grad is None or not p.grad.any())
            ]
            assert not lazy
        optimizer.step()
    model.eval().loss(batch)
    together = model.extract(batch)
    assert together.waveform.shape == batch.mixture.shape
    assert (
        together.prediction.streams["acoustic"].lengths.tolist() == batch.targets["acoustic"].lengths.tolist()
    )
    for row in range(2):
        alone = model.extract(take_row(batch, row)).waveform[0]
        torch.testing.assert_close(together.waveform[row, : len(alone)], alone, atol=1e-4, rtol=1e-3)
        target = batch.target[row, : len(alone)].numpy()
        assert -100.0 < float(si_sdr(target, alone.numpy())) < 100.0
    uncached = model.extract(batch, LauraTSEDecode(use_cache=False))
    torch.testing.assert_close(
        together.prediction.streams["acoustic"].values,
        uncached.prediction.streams["acoustic"].values,
        atol=0,
        rtol=0,
    )


def count(*modules) -> int:
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)


def test_the_two_networks_of_split_training_have_the_sizes_of_the_released_ones():
    paper = {"width": 512, "num_heads": 8, "feedforward": 2048}
    codec = TableCodec(CodecSpec(16000, 640, 4, 1024, 128))

    def encoder():
        frontend = frontend_choices.build("log_mel", {}, codec=codec)
        return encoder_choices.build("shared_transformer", paper, frontend=frontend, output_dim=128)

    lm = lm_choices.build("decoder_only", paper, codebooks=codec.codebooks, spec=codec.spec)
    vocoder = vocoder_choices.build("fine_embedding", paper, codec=codec)
    model = LauraTSE(encoder(), lm, vocoder, LauraTSEConfig(split=True), encoder())
    assert count(model.encoder, model.lm) == 55902722
    assert count(model.vocoder_encoder, model.vocoder) == 41254144
    assert count(model) == 55902722 + 41254144


@pytest.mark.parametrize("name", ["split", "split_lm_tokens"])
def test_no_gradient_crosses_between_split_networks(name):
    model = variant(name).train()
    batch = make_batch([0.5, 0.3], [0.3, 0.4], model.codec)
    _, stats = model.loss(batch)
    lm_side, vocoder_side = (model.encoder, model.lm), (model.vocoder_encoder, model.vocoder)
    stats["loss_reg"].backward(retain_graph=True)
    assert all(p.grad is None for part in lm_side for p in part.parameters())
    assert all(p.grad is not None for part in vocoder_side for p in part.parameters() if p.requires_grad)
    model.zero_grad()
    stats["loss_ce"].backward()
    assert all(p.grad is None for part in vocoder_side for p in part.parameters())


def test_the_split_vocoder_learns_from_the_tokens_that_truth_share_says():
    for name, key in (("split", "loss_reg_truth"), ("split_lm_tokens", "loss_reg_predicted")):
        model = variant(name)
        _, stats = model.loss(make_batch([0.5], [0.3], model.codec))
        torch.testing.assert_close(stats["loss_reg"], stats[key])
        assert stats["loss_reg_truth"] != stats["loss_reg_predicted"]


def test_split_wants_an_encoder_of_its_own_and_no_other_model_has_one():
    base = variant("base")
    with pytest.raises(ValueError, match="split: true wants an encoder"):
        LauraTSE(base.encoder, base.lm, base.vocoder, LauraTSEConfig(split=True))
    with pytest.raises(ValueError, match="without it there is none"):
        LauraTSE(base.encoder, base.lm, base.vocoder, LauraTSEConfig(), base.encoder)
    with pytest.raises(ValueError, match="own_tables"):
        build({"model": {"split": True}, "lm": {"own_tables": True}}, TableCodec())


def refined(model, batch, hear=None):
    """What the vocoder makes of the true codes, the conditions of ``hear`` in place of the batch's own."""
    conditions = model.encoder(batch)
    if hear:
        conditions.streams[hear[0]] = hear[1]
    coarse = model.codec.embed(batch.targets["acoustic"], 2)
    return model.vocoder.refine(conditions, coarse, model.separator).values


def heard_by_the_vocoder(model) -> set[str]:
    """The signals whose condition frames change what the vocoder draws."""
    batch = make_batch([0.5], [0.5], model.codec)
    other = model.encoder(make_batch([0.5], [0.5], model.codec, seed=7))
    with torch.no_grad():
        before = refined(model, batch)
        changed = {s: refined(model, batch, (s, other.streams[s])) for s in ("mixture", "enrollment")}
    return {signal for signal, after in changed.items() if not torch.equal(before, after)}


@pytest.mark.parametrize(
    "name, hears",
    [("base", {"mixture", "enrollment"}), ("encoder_mix", {"mixture"}), ("encoder_ref", {"enrollment"})],
)
def test_the_vocoder_sees_the_conditions_of_its_name(name, hears):
    model = variant(name)
    assert heard_by_the_vocoder(model) == hears


@pytest.mark.parametrize("conditions", ["all", "mixture", "enrollment"])
def test_the_convolutional_vocoder_sees_the_conditions_of_its_name(conditions):
    model = variant("base")
    torch.manual_seed(0)
    sizes = {"channels": 12, "num_blocks": 1, "conditions": conditions}
    vocoder = vocoder_choices.build("conv_embedding", sizes, codec=model.codec)
    torch.nn.init.normal_(vocoder.stack.output.weight, std=0.1)
    model.vocoder = vocoder.eval()
    assert heard_by_the_vocoder(model) == ({"mixture", "enrollment"} if conditions == "all" else {conditions})


@pytest.mark.parametrize(
    "conf",
    [
        {"conditions": "enrollment", "residual": True},
        {"conditions": "enrollment", "add_mixture": True},
        {"conditions": "mixture", "add_enrollment": True},
    ],
)
def test_a_hidden_signal_is_not_given_by_another_option(conf):
    with pytest.raises(ValueError, match="hides the other signal"):
        vocoder_choices.config("fine_embedding", conf)


@pytest.mark.parametrize("vocoder", ["fine_embedding", "conv_embedding"])
def test_unknown_options_are_refused(vocoder):
    with pytest.raises(ValueError, match="conditions 'ref' is none of"):
        vocoder_choices.config(vocoder, {"conditions": "ref"})
    with pytest.raises(ValueError, match="absolute_positions 'split' is none of"):
        vocoder_choices.config("fine_embedding", {"absolute_positions": "split"})


def test_absolute_positions_differ_and_joint_ones_continue_those_of_the_conditions():
    outputs = {}
    for choice in ("separate", "joint", "none"):
        model = build({"vocoder": {"absolute_positions": choice}}, TableCodec()).eval()
        batch = make_batch([0.5], [0.3], model.codec)
        with torch.no_grad():
            outputs[choice] = refined(model, batch)
    assert not torch.allclose(outputs["separate"], outputs["joint"], atol=1e-4)
    assert not torch.allclose(outputs["none"], outputs["joint"], atol=1e-4)


# --- Ref output ---------------------------------------------------------------------------------------


def test_joined_codes_are_one_row_after_the_other_and_come_apart_again():
    spec = CodecSpec(16000, 640, 4, 32, 16)
    first, second = make_codes([3, 5], spec), make_codes([6, 2], spec, seed=1)
    joined = join_codes(first, second)
    assert joined.lengths.tolist() == [9, 7]
    for row, (lead, length) in enumerate([(3, 6), (5, 2)]):
        whole = torch.cat([first.values[row, :, :lead], second.values[row, :, :length]], dim=1)
        assert torch.equal(joined.values[row, :, : lead + length], whole)
    assert (joined.values[1, :, 7:] == -1).all()
    apart = codes_behind(joined, first.lengths)
    assert torch.equal(apart.values, second.values) and torch.equal(apart.lengths, second.lengths)
    values = torch.arange(18.0).reshape(2, 9, 1)
    assert frames_behind(values, first.lengths, 2)[..., 0].tolist() == [[3.0, 4.0], [14.0, 15.0]]
    assert codes_behind(joined, torch.tensor([9, 20])).lengths.tolist() == [0, 0]


@pytest.mark.parametrize("length_mode", ["exact", "bounded", "eos"])
def test_the_enrollments_frames_are_dropped(length_mode):
    model = variant("ref_output")
    with torch.no_grad():
        model.lm.head.bias.view(2, 33)[:, 32] = -1e4 if length_mode == "exact" else 1e4
    batch = make_batch([0.5, 0.31], [0.3, 0.41], model.codec)
    estimate = model.extract(batch, LauraTSEDecode(length_mode=length_mode))
    frames = model.codec.spec.num_frames(
        batch.mixture_lengths
    )  # 13 and 8, behind 8 and 11 of the enrollments
    assert model.codec.spec.num_frames(batch.enrollment_lengths).tolist() == [8, 11]
    wanted = {"exact": frames, "bounded": (0.9 * frames).long(), "eos": torch.zeros_like(frames)}[length_mode]
    assert estimate.prediction.streams["acoustic"].lengths.tolist() == wanted.tolist()
    steps = estimate.num_function_evaluations
    assert steps == {"exact": 21, "bounded": 20, "eos": 12}[length_mode]


def test_given_codes_of_the_enrollment_are_the_history_of_the_target():
    model = variant("ref_output")
    batch = make_batch([0.5, 0.31], [0.3, 0.41], model.codec)
    codes = model.extract(batch, LauraTSEDecode(give_enrollment=True)).prediction.streams["acoustic"]
    lead = model.codes_of(batch.enrollment, batch.enrollment_lengths)
    with torch.no_grad():
        prompt = model.prompt(batch, model.encoder(batch))
        logits = model.lm(prompt, join_codes(lead.coarse(2), codes), lead.lengths)[..., :-1]
    forced = frames_behind(logits, lead.lengths, codes.values.size(2)).argmax(dim=-1).transpose(1, 2)
    for row, length in enumerate(codes.lengths.tolist()):
        assert torch.equal(forced[row, :, :length], codes.values[row, :, :length])
    with pytest.raises(ValueError, match="output_enrollment"):
        variant("base").extract(batch, LauraTSEDecode(give_enrollment=True))


def test_ref_output_learns_both_and_its_prefix_has_no_separator():
    model = variant("ref_output")
    batch = make_batch([0.5], [0.3], model.codec)
    conditions = model.encoder(batch)
    assert (
        model.lm.prefix(conditions).values.size(1) == variant("base").lm.prefix(conditions).values.size(1) - 1
    )
    before = model.loss(batch)[1]
    other = make_batch([0.5], [0.3], model.codec, seed=3).enrollment
    codes_of = model.codes_of  # other labels for the enrollment, the same conditions
    model.codes_of = lambda waveform, lengths: codes_of(other, lengths)
    after = model.loss(batch)[1]
    assert before["loss_ce"] != after["loss_ce"]


def test_times_run_from_the_enrollment_through_the_mixture_where_both_are_said():
    model = variant("base")
    conditions = model.encoder(make_batch([0.5, 0.4], [0.3, 0.4], model.codec))
    start = torch.tensor([8, 10])
    joined = join_conditions(conditions, None, 25.0, mixture_start=start)
    for row in range(2):
        times = joined.positions[row][~joined.padding[row]]
        count = int(conditions.streams["enrollment"].lengths[row])
        torch.testing.assert_close(
            times[count - 1], start[row] - torch.tensor(0.4)
        )  # ends where the mixture begins
        assert float(times[count]) == float(start[row])


# --- Discrete IO, No-Encoder --------------------------------------------------------------------------


def test_discrete_io_hears_codes_and_adds_only_its_tables():
    model, base = variant("discrete_io"), variant("base")
    spec = model.codec.spec
    assert count(model) - count(base) == 2 * spec.codebook_size * spec.embedding_dim
    batch = make_batch([0.5, 0.3], [0.3, 0.4], model.codec)
    conditions = model.encoder(batch)
    prompt = model.prompt(batch, conditions)
    assert prompt.streams["mixture"].frame_rate == 25.0 and prompt.streams["enrollment"].lengths.tolist() == [
        8,
        10,
    ]
    codes = model.codec.encode(batch.mixture, batch.mixture_lengths).values
    expected = model.lm.own_tables[0][codes[0, 0, 0]] + model.lm.own_tables[1][codes[0, 1, 0]]
    torch.testing.assert_close(prompt.streams["mixture"].values[0, 0], expected)
    # The encoder reaches the vocoder only.
    model.loss(batch)[1]["loss_ce"].backward()
    assert all(p.grad is None for p in model.encoder.parameters()) and model.lm.own_tables.grad.any()


def test_no_encoder_is_the_codec_on_the_predicted_codes():
    model = variant("split")
    batch = make_batch([0.5], [0.3], model.codec)
    estimate = model.extract(batch, LauraTSEDecode(refine=False, level="none"))
    plain = model.codec.decode_codes(estimate.prediction.streams["acoustic"])[:, : batch.mixture.size(1)]
    torch.testing.assert_close(estimate.waveform, plain)
    assert not torch.allclose(estimate.waveform, model.extract(batch, LauraTSEDecode(level="none")).waveform)

"""USEF-Laura-TSE: the front-end in front of LauraTSE, its training variants and its ways of decoding."""

from dataclasses import replace

import pytest
import torch
from factories import Second, TableCodec, make_batch, nano_laura_tse, take_row
from nano_extractors import SYSTEMS, nano_extractor
from tse_system import write_codec

from espnet_tse.codec.load import load_codec
from espnet_tse.extractor.abs_extractor import AbsExtractor, Extraction
from espnet_tse.loss.waveform_ratio import negative_si_sdr
from espnet_tse.models.laura_tse import LauraTSE, LauraTSEDecode
from espnet_tse.models.usef_laura_tse import USEFLauraTSE, USEFLauraTSEConfig, USEFLauraTSEDecode
from espnet_tse.schema import CodecSpec, Codes, Prediction, Request, Streams
from espnet_tse.tasks.choices import (
    encoder_choices,
    extractor_choices,
    frontend_choices,
    lm_choices,
    vocoder_choices,
)

NAR = {"autoregressive": False}


def joined(base: LauraTSE, extractor: AbsExtractor, **conf) -> USEFLauraTSE:
    """A front-end in front of the parts of ``base``, in eval mode."""
    conf = {**vars(base.config), **conf}
    return USEFLauraTSE(extractor, base.encoder, base.lm, base.vocoder, USEFLauraTSEConfig(**conf)).eval()


def nano(name: str = "usef_tfgridnet", codec=None, **conf) -> USEFLauraTSE:
    return joined(nano_laura_tse(codec=codec), nano_extractor(name), **conf)


def two_rows(codec=None):
    return make_batch([0.41, 0.27], [0.2, 0.3], codec or TableCodec())


class Given(AbsExtractor):
    """Returns a waveform that it was given, and counts its calls."""

    sample_rate = 16000

    def __init__(self, waveform):
        super().__init__()
        self.waveform, self.calls = waveform, 0

    def encode_enrollment(self, waveform, lengths):
        raise AssertionError("not called")

    def separate(self, mixture, lengths, cue, state=None):
        raise AssertionError("not called")

    def forward(self, batch):
        self.calls += 1
        return Extraction(self.waveform)


# --- Sizes and wiring ---------------------------------------------------------------------------------


def paper_size(num_blocks: int) -> USEFLauraTSE:
    codec = TableCodec(CodecSpec(16000, 640, 4, 1024, 128))
    frontend = frontend_choices.build("log_mel", {}, codec=codec)
    encoder = encoder_choices.build("shared_transformer", {}, frontend=frontend, output_dim=128)
    lm = lm_choices.build("decoder_only", {}, codebooks=codec.codebooks, spec=codec.spec)
    vocoder = vocoder_choices.build("fine_embedding", {}, codec=codec)
    extractor = extractor_choices.build("usef_tfgridnet", {"num_blocks": num_blocks})
    return USEFLauraTSE(extractor, encoder, lm, vocoder)


@pytest.mark.parametrize("num_blocks, total", [(2, 82035019), (6, 92771071)])
def test_paper_sizes_have_exactly_the_published_parameters(num_blocks, total):
    assert sum(p.numel() for p in paper_size(num_blocks).parameters() if p.requires_grad) == total


def test_laura_tse_hears_the_front_ends_output_in_place_of_the_mixture():
    model, batch = nano(), two_rows()
    front = model.extractor(batch).waveform
    assert front.shape == batch.mixture.shape
    base = LauraTSE(model.encoder, model.lm, model.vocoder).eval()
    given = replace(batch, mixture=front)
    asked = [
        Request(batch.mixture_lengths, batch.keys, conf()) for conf in (USEFLauraTSEDecode, LauraTSEDecode)
    ]
    torch.testing.assert_close(
        model.estimate(batch, asked[0]).waveform, base.estimate(given, asked[1]).waveform
    )
    torch.testing.assert_close(model.loss(batch)[0], base.loss(given)[0])


def test_with_both_inputs_the_mixture_is_added_through_a_layer_that_begins_at_zero():
    model, both, batch = nano(), nano(g_inputs="front+mix+ref"), two_rows()
    torch.testing.assert_close(model.loss(batch)[0], both.loss(batch)[0])
    both.loss(batch)[0].backward()
    assert both.mixture_to_front.weight.grad.any() and both.extractor.encoder.weight.grad.any()
    torch.nn.init.normal_(both.mixture_to_front.weight)
    assert not torch.allclose(model.loss(batch)[0], both.loss(batch)[0])
    assert both.extract(batch).waveform.shape == batch.mixture.shape


@pytest.mark.parametrize("name", SYSTEMS)
def test_any_extractor_is_a_front_end(name):
    model, batch = nano(name).train(), two_rows()
    model.loss(batch)[0].backward()
    assert any(p.grad is not None and p.grad.any() for p in model.extractor.parameters())
    assert model.eval().extract(batch).waveform.shape == batch.mixture.shape


@pytest.mark.parametrize("conf", [{}, NAR, {**NAR, "injection_ratio": 0.5}, {"output": "discriminative"}])
def test_a_row_does_not_depend_on_its_batch(conf):
    model, batch = nano(), two_rows()
    together = model.extract(batch, USEFLauraTSEDecode(**conf))
    for row in range(2):
        alone = model.extract(take_row(batch, row), USEFLauraTSEDecode(**conf))
        length = alone.waveform.size(1)
        torch.testing.assert_close(together.waveform[row, :length], alone.waveform[0], atol=1e-4, rtol=1e-3)
        assert not together.waveform[row, length:].any()


def test_another_enrollment_changes_the_front_end_and_the_estimate():
    model, batch = nano(), two_rows()
    other = replace(batch, enrollment=make_batch([0.41, 0.27], [0.2, 0.3], None, seed=5).enrollment)
    for output in ("discriminative", "generative"):
        conf = USEFLauraTSEDecode(output=output)
        assert not torch.allclose(
            model.extract(batch, conf).waveform, model.extract(other, conf).waveform, atol=1e-4
        )


# --- Training variants --------------------------------------------------------------------------------


def step(model: USEFLauraTSE, batch) -> dict[str, torch.Tensor]:
    """One update; the front-end's parameters before it."""
    before = {name: value.clone() for name, value in model.extractor.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    model.train().loss(batch)[0].backward()
    optimizer.step()
    return before


def test_a_frozen_front_end_stays_as_it_was_and_in_eval_mode():
    model, batch = nano(front_end="frozen"), two_rows()
    before = step(model, batch)
    assert not model.extractor.training and model.encoder.training
    assert all(p.grad is None and not p.requires_grad for p in model.extractor.parameters())
    for name, value in model.extractor.state_dict().items():
        assert torch.equal(value, before[name])
    assert any(name.startswith("extractor.") for name in model.state_dict())


def test_cross_entropy_reaches_the_first_layer_of_a_trained_front_end_through_the_mel():
    model, batch = nano(), two_rows()
    before = step(model, batch)
    assert any(not torch.equal(value, before[name]) for name, value in model.extractor.state_dict().items())
    model.zero_grad()
    model.loss(batch)[1]["loss_ce"].backward()
    assert model.extractor.encoder.weight.grad.abs().sum() > 0


def gradient(model: USEFLauraTSE, batch) -> torch.Tensor:
    model.zero_grad()
    torch.manual_seed(0)  # of the mixing of tokens
    model.train().loss(batch)[0].backward()
    return torch.cat([p.grad.flatten() for p in model.extractor.parameters()])


def test_si_sdr_adds_its_weight_times_its_gradient():
    model, batch = nano(), two_rows()
    plain = gradient(model, batch)
    with_criterion = nano(si_sdr_weight=0.7)
    both = gradient(with_criterion, batch)
    model.zero_grad()
    front = model.extractor(batch).waveform
    negative_si_sdr(front, batch.target, batch.mixture_lengths, 30.0).backward()
    alone = torch.cat([p.grad.flatten() for p in model.extractor.parameters()])
    assert (both - plain - 0.7 * alone).norm() < 1e-4 * (0.7 * alone).norm()
    loss, stats = with_criterion.eval().loss(batch)
    torch.testing.assert_close(loss, model.eval().loss(batch)[0] + 0.7 * stats["loss_si_sdr"])


def test_si_sdr_is_above_60_db_of_a_perfect_estimate_and_the_loss_stops_at_30():
    batch = two_rows()
    lengths = batch.mixture_lengths
    assert negative_si_sdr(3.0 * batch.target, batch.target, lengths) < -60.0
    model = joined(nano_laura_tse(), Given(batch.target), si_sdr_weight=1.0)
    assert model.loss(batch)[1]["loss_si_sdr"].item() == pytest.approx(-30.0, abs=0.01)
    silent = torch.zeros_like(batch.target, requires_grad=True)
    model = joined(nano_laura_tse(), Given(silent), si_sdr_weight=1.0)
    model.loss(batch)[0].backward()
    assert silent.grad.isfinite().all()


def test_without_its_weight_si_sdr_is_reported_in_validation():
    model, batch = nano(), two_rows()
    assert "loss_si_sdr" in model.loss(batch)[1] and "loss_si_sdr" not in model.train().loss(batch)[1]
    batch.target = None
    model.eval().loss(batch)
    with pytest.raises(ValueError, match="si_sdr_weight wants the target's waveform"):
        nano(si_sdr_weight=1.0).loss(batch)


# --- The parts of mini trainings: a codec's own features, a filter ------------------------------------


@pytest.fixture
def filtering(tmp_path):
    """conf -> a model of nano size of the parts of usef_laura_tse_mini.yaml."""
    codec = load_codec(write_codec(tmp_path / "codec"))

    def build(**conf) -> USEFLauraTSE:
        torch.manual_seed(0)
        frontend = frontend_choices.build("codec_latent", {}, codec=codec)
        sizes = {"channels": 16, "num_blocks": 1}
        encoder = encoder_choices.build("shared_convnext", sizes, frontend=frontend, output_dim=16)
        lm_conf = {"num_layers": 1, "width": 32, "num_heads": 2, "feedforward": 64, "position": "rotary"}
        lm_conf |= {"history_dropout": 1.0, "add_mixture": True, "add_enrollment": True}
        lm = lm_choices.build("decoder_only", lm_conf, codebooks=codec.codebooks, spec=codec.spec)
        vocoder = vocoder_choices.build("conv_embedding", {**sizes, "synthesis": "filter"}, codec=codec)
        config = USEFLauraTSEConfig(truth_share=0.0, spectrum_weight=4.0, **conf)
        return USEFLauraTSE(nano_extractor("usef_tfgridnet"), encoder, lm, vocoder, config).eval()

    return build


def test_what_the_front_end_made_is_filtered(filtering):
    model = filtering()
    batch = make_batch([0.4, 0.3], [0.2, 0.3], model.codec)
    asked = [
        Request(batch.mixture_lengths, batch.keys, conf()) for conf in (USEFLauraTSEDecode, LauraTSEDecode)
    ]
    front = model.extractor(batch).waveform
    base = LauraTSE(model.encoder, model.lm, model.vocoder).eval()
    wanted = base.estimate(replace(batch, mixture=front), asked[1]).waveform
    torch.testing.assert_close(model.estimate(batch, asked[0]).waveform, wanted, atol=1e-5, rtol=1e-4)


def test_the_spectrum_does_not_depend_on_the_level_of_the_front_end_and_reaches_it(filtering):
    model = filtering()
    batch = make_batch([0.4, 0.3], [0.2, 0.3], model.codec)
    given = model.extracted(batch)
    embeddings = model.codec.embed(batch.targets["acoustic"])
    values = [
        model.spectrum_loss(replace(given, mixture=gain * given.mixture), embeddings) for gain in (1.0, 7.0)
    ]
    torch.testing.assert_close(*values, atol=1e-4, rtol=1e-4)
    for name in ("loss_spectrum", "loss_ce", "loss_reg"):
        model.zero_grad()
        model.loss(batch)[1][name].backward()
        slope = model.extractor.encoder.weight.grad
        assert slope.isfinite().all() and slope.abs().sum() > 0, name


def test_a_silent_front_end_has_a_finite_gradient(filtering):
    model = filtering()
    batch = make_batch([0.4], [0.2], model.codec)
    front = torch.zeros_like(batch.mixture, requires_grad=True)
    model.extractor = Given(front)
    model.loss(batch)[0].backward()
    assert front.grad.isfinite().all()


# --- Decoding -----------------------------------------------------------------------------------------


def count_passes(model: USEFLauraTSE) -> list:
    passes = []
    model.lm.register_forward_hook(lambda *_: passes.append(1))
    return passes


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_one_pass_is_one_pass(ratio):
    model, batch = nano(), two_rows()
    passes = count_passes(model)
    estimate = model.extract(batch, USEFLauraTSEDecode(**NAR, injection_ratio=ratio))
    assert len(passes) == 1 == estimate.num_function_evaluations
    assert (
        estimate.prediction.streams["acoustic"].lengths.tolist()
        == model.codec.spec.num_frames(batch.mixture_lengths).tolist()
    )


def pseudo_labels(model: USEFLauraTSE, batch) -> Codes:
    with torch.no_grad():
        front = model.extractor(batch).waveform
    return model.codes_of(front, batch.mixture_lengths).coarse(2)


@torch.no_grad()
def predictions(model: USEFLauraTSE, batch) -> torch.Tensor:
    """(B, n, T) argmax of the teacher-forced logits on the pseudo-labels, the end token left out."""
    given = model.extracted(batch)
    logits = model.lm(model.encoder(given), pseudo_labels(model, batch))
    return logits[:, :-1, :, :-1].argmax(dim=-1).transpose(1, 2)


def test_the_ends_of_injection_are_predictions_and_pseudo_labels():
    model, batch = nano(), two_rows()
    with torch.no_grad():
        model.lm.head.bias.view(2, 33)[:, 32] = 1e4  # no end token is possible all the same
    labels, predicted = pseudo_labels(model, batch), predictions(model, batch)
    valid = ~labels.padding_mask[:, None].expand_as(predicted)
    none = model.extract(batch, USEFLauraTSEDecode(**NAR)).prediction.streams["acoustic"].values
    every = (
        model.extract(batch, USEFLauraTSEDecode(**NAR, injection_ratio=1.0))
        .prediction.streams["acoustic"]
        .values
    )
    assert torch.equal(none[valid], predicted[valid]) and torch.equal(every, labels.values)
    assert (none[~valid] == -1).all() and not torch.equal(none, every)


def test_more_injection_keeps_what_less_has_replaced_and_its_share_is_the_ratio():
    batch = make_batch([8.0, 7.0], [0.2, 0.3], TableCodec())
    model = joined(nano_laura_tse(), Given(batch.target))
    labels, predicted = pseudo_labels(model, batch), predictions(model, batch)
    valid = ~labels.padding_mask[:, None].expand_as(predicted)
    differ = valid & (labels.values != predicted)
    before = torch.zeros_like(differ)
    for ratio in (0.2, 0.5, 0.8):
        codes = (
            model.extract(batch, USEFLauraTSEDecode(**NAR, injection_ratio=ratio))
            .prediction.streams["acoustic"]
            .values
        )
        replaced = differ & (codes == labels.values)
        assert torch.equal(codes[valid & ~replaced], predicted[valid & ~replaced])
        assert (replaced | ~before).all()
        count = int(differ.sum())
        assert abs(int(replaced.sum()) / count - ratio) < 4 * (ratio * (1 - ratio) / count) ** 0.5
        before = replaced


def test_injection_is_drawn_by_key_and_seed():
    model, batch = nano(), two_rows()
    half = USEFLauraTSEDecode(**NAR, injection_ratio=0.5)
    first = model.extract(batch, half).prediction.streams["acoustic"].values
    assert torch.equal(first, model.extract(batch, half).prediction.streams["acoustic"].values)
    assert not torch.equal(
        first, model.extract(batch, replace(half, seed=1)).prediction.streams["acoustic"].values
    )
    assert not torch.equal(
        first,
        model.extract(replace(batch, keys=["other", "names"]), half).prediction.streams["acoustic"].values,
    )


def test_a_perfect_front_end_gives_the_vocoder_on_true_codes():
    batch = two_rows()
    model = joined(nano_laura_tse(), Given(batch.target))
    codes = model.codec.encode(batch.target, batch.mixture_lengths).coarse(2)
    conditions = model.encoder(replace(batch, mixture=batch.target))
    with torch.no_grad():
        wanted = model.decode(Prediction(Streams(acoustic=codes)), conditions)
    estimate = model.extract(batch, USEFLauraTSEDecode(**NAR, injection_ratio=1.0, level="none"))
    assert torch.equal(estimate.prediction.streams["acoustic"].values, codes.values)
    length = estimate.waveform.size(1)
    torch.testing.assert_close(estimate.waveform[0], wanted[0, :length], atol=1e-5, rtol=1e-4)


def test_the_front_ends_own_output_is_decoded():
    model, batch = nano(), two_rows()
    estimate = model.extract(batch, USEFLauraTSEDecode(output="discriminative", level="none"))
    torch.testing.assert_close(estimate.waveform, model.extractor(batch).waveform)
    assert estimate.prediction is None and estimate.num_function_evaluations == 1


@pytest.mark.parametrize("g_inputs", ["front+ref", "front+mix+ref", "mix+ref"])
def test_candidates_are_those_of_single_runs_with_their_keys(g_inputs):
    model, batch = nano(g_inputs=g_inputs, si_sdr_weight=0.1), two_rows()
    conf = USEFLauraTSEDecode(sampling=True, seed=3, candidates=2)
    kept = model.extract(batch, conf, selector=Second())
    single = model.extract(
        replace(batch, keys=[f"{key}#1" for key in batch.keys]), replace(conf, candidates=1)
    )
    codes, wanted = (estimate.prediction.streams["acoustic"] for estimate in (kept, single))
    assert torch.equal(codes.values[..., : wanted.values.size(2)], wanted.values)
    torch.testing.assert_close(kept.waveform, single.waveform, atol=1e-5, rtol=1e-4)


def test_the_split_cascade_frame_by_frame_is_laura_tse_alone():
    base, batch = nano_laura_tse(), two_rows()
    noise = Given(torch.randn_like(batch.mixture))
    model = joined(base, noise, front_end="frozen", g_inputs="mix+ref")
    assert torch.equal(model.extract(batch).waveform, base.extract(batch).waveform)
    assert noise.calls == 0
    nar = USEFLauraTSEDecode(**NAR, injection_ratio=1.0)
    first = model.extract(batch, nar)
    assert torch.equal(
        first.prediction.streams["acoustic"].values,
        base.codes_of(noise.waveform, batch.mixture_lengths).values[:, :2],
    )
    noise.waveform = torch.randn_like(batch.mixture)
    assert not torch.equal(
        first.prediction.streams["acoustic"].values,
        model.extract(batch, nar).prediction.streams["acoustic"].values,
    )


@pytest.mark.parametrize("conf", [{}, {**NAR, "injection_ratio": 0.5}, {"output": "discriminative"}])
def test_long_mixtures_are_decoded_in_chunks(conf):
    model, batch = nano(), make_batch([1.3], [0.2], TableCodec())
    estimate = model.extract(batch, USEFLauraTSEDecode(max_chunk_s=0.5, overlap_s=0.1, **conf))
    assert estimate.waveform.shape == batch.mixture.shape and estimate.diagnostics["num_chunks"] == 3


# --- Faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "conf, fault",
    [
        ({"front_end": "freezed"}, "front_end 'freezed' is none of"),
        ({"g_inputs": "mix"}, "g_inputs 'mix' is none of"),
        ({"si_sdr_weight": -1.0}, "want 0"),
        ({"front_end": "frozen", "si_sdr_weight": 1.0}, "frozen learns nothing"),
        ({"g_inputs": "mix+ref"}, "trains no front-end"),
        ({"split": True, "g_inputs": "front+mix+ref"}, "shares nothing"),
        ({"truth_share": 2.0}, "want a probability"),
    ],
)
def test_bad_settings_are_refused(conf, fault):
    with pytest.raises(ValueError, match=fault):
        USEFLauraTSEConfig(**conf)


def test_a_front_end_of_another_rate_is_refused():
    with pytest.raises(ValueError, match="sample_rate: 8000, but the codec works at 16000 Hz"):
        joined(nano_laura_tse(), nano_extractor("usef_tfgridnet", sample_rate=8000))


@pytest.mark.parametrize(
    "conf, fault",
    [
        ({"output": "both"}, "output 'both' is none of"),
        ({**NAR, "injection_ratio": 1.5}, "injection_ratio is 1.5"),
        ({"injection_ratio": 0.5}, "is for autoregressive: false"),
        ({**NAR, "output": "discriminative"}, "generates nothing; leave out autoregressive: false"),
        (
            {"output": "discriminative", "sampling": True, "candidates": 4},
            "generates nothing; leave out sampling: true, candidates: 4",
        ),
        ({"output": "discriminative", "refine": False}, "generates nothing; leave out refine: false"),
        ({**NAR, "sampling": True}, "takes the likeliest codes"),
        ({**NAR, "length_mode": "eos"}, "takes the likeliest codes"),
    ],
)
def test_bad_ways_of_decoding_are_refused(conf, fault):
    with pytest.raises(ValueError, match=fault):
        USEFLauraTSEDecode(**conf)


@pytest.mark.parametrize("conf", [NAR, {"output": "discriminative"}, {**NAR, "injection_ratio": 0.5}])
def test_systems_without_a_front_end_refuse_its_settings(conf):
    with pytest.raises(ValueError, match="LauraTSE takes settings of LauraTSEDecode, not USEFLauraTSEDecode"):
        nano_laura_tse().extract(two_rows(), USEFLauraTSEDecode(**conf))


def test_one_pass_is_not_for_models_that_predict_the_enrollment():
    model = nano()
    model.lm.config = replace(model.lm.config, output_enrollment=True)
    with pytest.raises(ValueError, match="output_enrollment"):
        model.extract(two_rows(), USEFLauraTSEDecode(**NAR))

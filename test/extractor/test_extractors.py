"""What every extractor promises."""

import pytest
import torch
from factories import make_batch, take_row
from nano_extractors import CAUSAL, SYSTEMS, nano_extractor

from espnet_tse.extractor.band_split_network import compressed
from espnet_tse.io.scp import DataError
from espnet_tse.layers.stream_state import StreamState
from espnet_tse.tasks.choices import extractor_choices, speaker_encoder_choices

ANY = [(name, {}) for name in SYSTEMS] + [(name, {"causal": True}) for name in CAUSAL]
ANY += [("td_speakerbeam", {"adapts": "outputs"}), ("td_speakerbeam", {"adapts": "outputs", "causal": True})]
ANY.append(("usef_tfgridnet", {"bands": [[9, 1], [6, 2], [3, 4]]}))
of_any_kind = pytest.mark.parametrize("name, conf", ANY)


@of_any_kind
@torch.no_grad()
def test_a_row_does_not_depend_on_its_batch(name, conf):
    model, batch = nano_extractor(name, **conf), make_batch([0.1, 0.0631, 0.08], [0.09, 0.12, 0.0501], None)
    batch.mixture[1, 1009:], batch.enrollment[2, 801:] = 7.0, -7.0  # what lies behind a row is not read
    together = model(batch)
    for row in range(3):
        alone = model(take_row(batch, row)).waveform[0]
        torch.testing.assert_close(together.waveform[row, : len(alone)], alone, atol=2e-6, rtol=1e-4)
        assert alone.abs().max() > 1e-3 and not together.waveform[row, len(alone) :].any()


@pytest.mark.parametrize("name", SYSTEMS)
@torch.no_grad()
def test_gain_of_the_mixture_is_that_of_the_estimate(name):
    model, batch = nano_extractor(name), make_batch([0.1], [0.1], None)
    plain = model(batch).waveform
    batch.mixture, batch.enrollment = batch.mixture * 8, batch.enrollment * 0.25
    torch.testing.assert_close(model(batch).waveform, plain * 8, atol=1e-5, rtol=1e-4)


@of_any_kind
@torch.no_grad()
def test_the_enrollment_decides(name, conf):
    model, batch = nano_extractor(name, **conf), make_batch([0.1], [0.2], None)
    plain = model(batch).waveform
    batch.enrollment = batch.enrollment.cumsum(dim=1)  # another spectrum
    assert (model(batch).waveform - plain).abs().max() > 1e-3 * plain.abs().max()


@of_any_kind
def test_every_parameter_learns(name, conf):
    model, batch = nano_extractor(name, **conf).train(), make_batch([0.1, 0.08], [0.15, 0.12], None)
    result = model(batch)
    sum((wave * batch.target.roll(3, 1)).sum() for wave in [result.waveform, *result.coarser]).backward()
    still = [
        name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()
    ]
    # Attention over keys of equal distance to all: a bias of the keys moves no weight.
    assert [name for name in still if "key" not in name and "in_proj_bias" not in name] == []
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


@of_any_kind
def test_silence_and_blips_are_extracted_without_fault(name, conf):
    model = nano_extractor(name, **conf)
    batch = make_batch([0.1, 0.05, 1 / 16000], [0.1, 0.05, 1 / 16000], None)
    batch.mixture[1], batch.enrollment[1] = 0.0, 0.0
    batch.mixture.requires_grad_()
    waveform = model(batch).waveform
    waveform.square().sum().backward()
    assert waveform.shape == batch.mixture.shape
    assert waveform.isfinite().all() and batch.mixture.grad.isfinite().all()


@pytest.mark.parametrize("name", CAUSAL)
@torch.no_grad()
def test_the_future_never_changes_what_has_come_out(name):
    model, batch = nano_extractor(name, causal=True), make_batch([0.1], [0.1], None)
    plain = model(batch).waveform
    changed = 1000
    batch.mixture[:, changed:] = torch.randn(batch.mixture[:, changed:].shape)
    fixed = changed - (model.delay + model.hop_length)
    other = model(batch).waveform
    assert torch.equal(other[:, :fixed], plain[:, :fixed])
    assert not torch.allclose(other[:, fixed:], plain[:, fixed:])


@pytest.mark.parametrize("name", [name for name in SYSTEMS if name not in CAUSAL])
def test_extractors_that_look_ahead_have_no_delay(name):
    model = nano_extractor(name)
    for attribute in ("delay", "hop_length"):
        with pytest.raises(DataError, match="cannot stream"):
            getattr(model, attribute)


@torch.no_grad()
def test_a_state_is_of_one_stream():
    model, batch = nano_extractor("bsrnn", causal=True), make_batch([0.1], [0.1], None)
    cue, chunk = model.enroll(batch.enrollment, batch.enrollment_lengths), batch.mixture[:, :64]
    state = StreamState()
    first = model.separate(chunk, None, cue, state).waveform
    assert not torch.allclose(model.separate(chunk, None, cue, state).waveform, first)
    assert torch.equal(model.separate(chunk, None, cue, StreamState()).waveform, first)


@torch.no_grad()
def test_spex_plus_gives_the_coarser_scales_in_training_only():
    model, batch = nano_extractor("spex_plus"), make_batch([0.05], [0.05], None)
    assert model(batch).coarser == []
    coarser = model.train()(batch).coarser
    assert [wave.shape for wave in coarser] == [batch.mixture.shape] * 2


@torch.no_grad()
def test_embeddings_made_by_another_model_take_the_encoders_place():
    given = speaker_encoder_choices.build("given", {"output_dim": 10}, input_dim=16)
    model = extractor_choices.build(
        "bsrnn", SYSTEMS["bsrnn"][0], new_speaker_encoder=lambda input_dim: given
    ).eval()
    batch = make_batch([0.05, 0.04], [0.05, 0.05], None)
    with pytest.raises(ValueError, match="the batch has none"):
        model(batch)
    batch.speaker_embedding = torch.randn(2, 10)
    plain = model(batch).waveform
    batch.enrollment = batch.enrollment * 0
    assert torch.equal(model(batch).waveform, plain)
    for name, taken in (("bsrnn", 10), ("usef_tfgridnet", "none")):
        batch.speaker_embedding = torch.randn(2, 4)
        with pytest.raises(ValueError, match=f"embeddings of 4 values, but .* takes {taken}"):
            nano_extractor(name)(batch)


def test_compressed_spectra_keep_their_phases():
    spectrum = torch.tensor([[3.0, 4.0], [0.03, -0.04], [0.0, 0.0]], requires_grad=True)
    result = compressed(spectrum, 0.5)
    magnitudes = result.square().sum(dim=-1).sqrt()
    torch.testing.assert_close(magnitudes, torch.tensor([5.0, 0.05, 0.0]).sqrt(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(result[:2] / magnitudes[:2, None], torch.tensor([[0.6, 0.8], [0.6, -0.8]]))
    assert compressed(spectrum, 1.0) is spectrum
    result.sum().backward()
    assert spectrum.grad.isfinite().all()


@pytest.mark.parametrize("conf", [{"bands": "coarse"}, {"compression": 0.3}])
def test_bands_and_compression_make_another_estimate(conf):
    batch = make_batch([0.05], [0.05], None)
    assert not torch.allclose(
        nano_extractor("bsrnn", **conf)(batch).waveform, nano_extractor("bsrnn")(batch).waveform
    )


@pytest.mark.parametrize(
    "name, conf, fault",
    [
        ("usef_tfgridnet", {"hop_length": 200}, "a multiple of hop_length"),
        ("usef_tfgridnet", {"width": 7}, "not divisible by num_heads"),
        ("usef_tfgridnet", {"bands": [[9, 1], [6, 2]]}, "cover 21 bins, but n_fft // 2 [+] 1 is 33"),
        ("x_tf_gridnet", {"hop": 5}, "above kernel"),
        ("usef_sepformer", {"chunk": 5}, "even number"),
        ("usef_sepformer", {"width": 15, "num_heads": 3}, "width 15 is odd"),
        ("usef_sepformer", {"filter_size": 4}, "below hop_length"),
        ("td_speakerbeam", {"adapted_block": 24}, "none of the blocks"),
        ("td_speakerbeam", {"fusion": "multipy"}, "none of"),
        ("spex_plus", {"filter_sizes": [80, 20]}, "shortest first"),
        ("spex_plus", {"hop_length": 30}, "below hop_length"),
        ("bsrnn", {"num_layers": 0}, "positive"),
        ("bsrnn", {"bands": "corse"}, "did you mean 'coarse'"),
        ("bsrnn", {"compression": 0.0}, "above 0 and up to 1"),
        ("bsrnn_map", {"sharpness": 0.0}, "sharpness and exponent must be positive"),
        ("bsrnn_map", {"exponent": 2.0}, "exponent up to 1"),
        ("bsrnn_attention", {"num_heads": 3}, "num_heads must divide width"),
        ("bsrnn_context", {"attention_dim": 0}, "must be positive"),
        ("bsrnn_context", {"fuse_every_layer": True}, "in front of the first layer"),
        ("dpccn", {"n_fft": 96}, "times halved"),
    ],
)
def test_bad_settings_are_refused(name, conf, fault):
    with pytest.raises(ValueError, match=fault):
        nano_extractor(name, **conf)


@pytest.mark.parametrize("name", sorted(set(speaker_encoder_choices.classes) - {"given", "ge2e", "wavlm"}))
def test_speaker_encoders_refuse_sizes_of_nothing(name):
    with pytest.raises(ValueError, match="positive"):
        speaker_encoder_choices.build(name, {"output_dim": 0}, input_dim=16)


@torch.no_grad()
def test_a_causal_magnitude_mask_does_not_depend_on_the_level():
    model, batch = nano_extractor("magnitude_mask", causal=True), make_batch([0.2], [0.1], None)
    plain = model(batch).waveform
    for gain in (0.05, 8.0):
        louder = take_row(batch, 0)
        louder.mixture = louder.mixture * gain
        torch.testing.assert_close(model(louder).waveform, plain * gain, atol=1e-5, rtol=1e-3)

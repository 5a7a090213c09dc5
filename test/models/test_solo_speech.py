"""SoloSpeech: the target's latents by diffusion, its waveform by the frozen autoencoder."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from nano_solo_speech import PARTS, SPEAKER, make_batch, nano_solo_speech
from tiny_tokenizers import VoiceAndUnits, VoiceAndUnitsConfig

from espnet_tse.codec.time_frequency_vae import TimeFrequencyVAE, TimeFrequencyVAEConfig
from espnet_tse.flow.latent_diffusion import LatentDiffusionConfig, LatentDiffusionDecode
from espnet_tse.io.scp import DataError
from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.models.corrector import Corrector
from espnet_tse.models.solo_speech import SoloSpeech
from espnet_tse.schema import DecodeConf, Streams
from espnet_tse.tasks.build import build_part, check_kind
from espnet_tse.tasks.choices import model_choices
from espnet_tse.tasks.decode_settings import read_decode_settings

CONF = Path(__file__).resolve().parents[2] / "egs2" / "TEMPLATE" / "tse1" / "conf"
QUICK = LatentDiffusionDecode(steps=2, level="none")

TOKEN_MODELS = ("laura_tse", "usef_laura_tse", "gentse_semantic", "gentse", "unise", "masked_tse")


class Listed(AbsSelector):
    """Scores as listed, of all candidates in their order; remembers what it was given."""

    def __init__(self, scores: list[float]):
        self.given, self.seen = torch.tensor(scores), []

    def scores(self, estimate, batch):
        self.seen.append((estimate, batch))
        return self.given


@pytest.mark.parametrize("changes", [{}, SPEAKER])
def test_a_row_is_the_same_in_any_batch_and_two_extractions_are_equal(changes):
    model = nano_solo_speech(**changes)
    batch = make_batch((2000, 1500, 1999), (1200, 1700, 1000), "abc")
    estimate = model.extract(batch, QUICK)
    assert torch.equal(model.extract(batch, QUICK).waveform, estimate.waveform)
    assert estimate.waveform.shape == (3, 2000) and estimate.num_function_evaluations == 2
    for row, length in enumerate((2000, 1500, 1999)):
        one = batch.rows(torch.tensor([row]))
        enrollment_length = int(one.enrollment_lengths)
        alone = replace(
            one, mixture=one.mixture[:, :length], enrollment=one.enrollment[:, :enrollment_length]
        )
        alone = replace(alone, target=None, targets=Streams())
        torch.testing.assert_close(
            estimate.waveform[row, :length], model.extract(alone, QUICK).waveform[0], atol=1e-4, rtol=1e-4
        )
        assert not estimate.waveform[row, length:].any()


@pytest.mark.parametrize("changes", [{}, SPEAKER])
def test_it_hears_mixture_enrollment_and_seed(changes):
    model, batch, other = nano_solo_speech(**changes), make_batch(), make_batch(seed=1)
    usual = model.extract(batch, QUICK).waveform
    for changed in (
        replace(batch, mixture=other.mixture),
        replace(batch, enrollment=other.enrollment),
        replace(batch, keys=["c", "d"]),
    ):
        assert not torch.allclose(model.extract(changed, QUICK).waveform, usual, atol=1e-4)
    assert not torch.allclose(model.extract(batch, replace(QUICK, seed=1)).waveform, usual, atol=1e-4)


@pytest.mark.parametrize("conf", [{}, {"eta": 1.0}, {"sampler": "dpm_solver", "steps": 3}])
def test_candidates_are_those_of_single_runs_with_their_keys(conf):
    model, batch, selector = nano_solo_speech(), make_batch(), Listed([0.1, 0.9, 0.3, 0.2, 0.2, 0.1])
    conf = replace(QUICK, **conf)
    kept = model.extract(batch, replace(conf, candidates=3), selector=selector)
    ((candidates, many),) = selector.seen
    assert many.keys == ["a#0", "a#1", "a#2", "b#0", "b#1", "b#2"]
    for n in range(3):
        single = model.extract(replace(batch, keys=[f"a#{n}", f"b#{n}"]), conf)
        for row, length in enumerate((2000, 1500)):
            found, wanted = candidates.waveform[3 * row + n, :length], single.waveform[row, :length]
            torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
        if n:
            assert not torch.allclose(candidates.waveform[n], candidates.waveform[0], atol=1e-4)
    # The highest score, the first of those that are equal.
    assert torch.equal(kept.waveform[0], candidates.waveform[1, :2000])
    assert torch.equal(kept.waveform[1, :1500], candidates.waveform[3, :1500])
    assert torch.tensor(kept.diagnostics["selector_scores"]).equal(selector.given.view(2, 3))


def test_candidates_share_their_conditions_and_one_asks_nobody(monkeypatch):
    model, batch, calls = nano_solo_speech(), make_batch(), []
    forward = model.encoder.forward
    monkeypatch.setattr(
        model.encoder, "forward", lambda batch: calls.append(len(batch.keys)) or forward(batch)
    )
    model.extract(batch, replace(QUICK, candidates=4), selector=Listed([0.0] * 8))
    assert calls == [2]

    class Silent(AbsSelector):
        def scores(self, estimate, batch):
            raise AssertionError("asked")

    model.extract(batch, QUICK, selector=Silent())
    with pytest.raises(ValueError, match="candidates: 2 wants a selector"):
        model.extract(batch, replace(QUICK, candidates=2))


def test_chunks_of_a_long_mixture_have_conditions_and_noise_of_their_own():
    model, batch = nano_solo_speech(), make_batch((4800,), (1700,), "a")
    conf = replace(QUICK, max_chunk_s=0.12, overlap_s=0.02)
    estimate, selector = model.extract(batch, conf), Listed([0.0])
    assert estimate.waveform.shape == (1, 4800) and estimate.waveform.isfinite().all()
    assert not torch.allclose(estimate.waveform, model.extract(batch, QUICK).waveform, atol=1e-3)
    scores = selector.scores
    selector.scores = lambda estimate, batch: scores(estimate, batch).expand(len(batch.keys))
    again = model.extract(batch, replace(conf, candidates=2), selector=selector)
    assert {key.split("#")[1] for key in selector.seen[0][1].keys} == {"0", "1"}
    assert again.waveform.shape == (1, 4800)


def test_level_of_the_mixture():
    model, batch = nano_solo_speech(), make_batch()
    waveform = model.extract(batch, replace(QUICK, level="mixture_rms")).waveform
    for row, length in enumerate((2000, 1500)):
        norms = [signal[row, :length].square().sum() for signal in (waveform, batch.mixture)]
        torch.testing.assert_close(*norms, rtol=1e-3, atol=0)


def test_it_learns_and_the_autoencoder_stays():
    model, batch = nano_solo_speech(shake=False), make_batch()
    before = {name: value.clone() for name, value in model.encoder.autoencoder.state_dict().items()}
    _, start = model.loss(batch)
    assert set(start) == {"mse_one_step", "mse_mixture"}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    model.train()
    assert not model.encoder.autoencoder.training and not model.vocoder.autoencoder.training
    torch.manual_seed(0)
    for _ in range(40):
        loss, stats = model.loss(batch)
        assert stats == {}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    _, after = model.eval().loss(batch)
    assert after["mse_one_step"] < 0.7 * start["mse_one_step"]
    assert torch.equal(after["mse_mixture"], start["mse_mixture"])
    for name, value in model.encoder.autoencoder.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in model.encoder.autoencoder.parameters())


def test_validation_by_hand():
    model, batch = nano_solo_speech(), make_batch((1600, 1600), (1200, 1200))
    _, stats = model.loss(batch)
    mixture, wanted = model.conditions(batch).streams["mixture"].values, batch.targets["latent"].values
    torch.testing.assert_close(stats["mse_mixture"], (mixture - wanted).square().mean())
    torch.testing.assert_close(model.loss(batch)[1], stats)


def test_the_loss_does_not_see_padding():
    model, batch = nano_solo_speech(), make_batch()
    loss, stats = model.loss(batch)
    batch.targets["latent"].values[1, 5:] = 9.0
    batch.mixture[1, 1500:] = 1.0
    batch.enrollment[0, 1200:] = 1.0
    found, found_stats = model.loss(batch)
    torch.testing.assert_close(found, loss)
    torch.testing.assert_close(found_stats, stats)


@pytest.mark.parametrize("changes", [{}, SPEAKER])
def test_every_trained_parameter_has_a_gradient(changes):
    model = nano_solo_speech(**changes).train()
    model.loss(make_batch())[0].backward()
    lacking = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not lacking


def test_a_saved_model_gives_the_same_bits_and_holds_no_autoencoder():
    model, other = nano_solo_speech(), nano_solo_speech(shake=False)
    state = model.state_dict()
    assert not any("autoencoder" in name for name in state)
    assert not torch.equal(
        model.extract(make_batch(), QUICK).waveform, other.extract(make_batch(), QUICK).waveform
    )
    other.load_state_dict(state)
    assert torch.equal(
        model.extract(make_batch(), QUICK).waveform, other.extract(make_batch(), QUICK).waveform
    )


def test_silence_is_finite():
    model, batch = nano_solo_speech(), make_batch()
    batch.mixture = torch.zeros_like(batch.mixture)
    assert model.extract(batch, QUICK).waveform.isfinite().all()


def test_a_sample_is_enough():
    batch = make_batch((1, 1), (1, 1))
    waveform = nano_solo_speech().extract(batch, QUICK).waveform
    assert waveform.shape == (2, 1) and waveform.isfinite().all()


def test_a_batch_without_latents_is_an_error():
    with pytest.raises(DataError, match="--train_tokens and --valid_tokens latent=FOLDER"):
        nano_solo_speech().loss(replace(make_batch(), targets=Streams()))


def test_settings_of_other_systems_are_refused():
    with pytest.raises(ValueError, match="takes settings of LatentDiffusionDecode, not DecodeConf"):
        nano_solo_speech().extract(make_batch(), DecodeConf())


def test_parts_of_other_systems_do_not_fit():
    tokenizers = {"latent": nano_solo_speech().encoder.autoencoder}

    def build(**changes):
        return build_part("model", "model", {**PARTS, **changes}, tokenizers)

    for option, name in {"encoder": "masked_mel_conv", "lm": "mel_flow", "vocoder": "codec_decoder"}.items():
        with pytest.raises(ValueError, match=f"--{option} {name} does not fit this model"):
            build(**{option: name, f"{option}_conf": {}})
    with pytest.raises(ValueError, match="context_dim is 0, want 1 or more"):
        build(encoder_conf={**PARTS["encoder_conf"], "context_dim": 0})
    with pytest.raises(ValueError, match="speaker_encoder is required"):
        build(encoder="latent_speaker", encoder_conf={})


def test_a_tokenizer_without_latents_is_refused():
    with pytest.raises(ValueError, match="VoiceAndUnits has no latents; name a VAE under tokenizers"):
        build_part("model", "model", PARTS, {"latent": VoiceAndUnits(VoiceAndUnitsConfig())})


def test_published_sizes():
    def size(encoder: dict, lm: dict) -> int:
        with torch.device("meta"):
            vae = TimeFrequencyVAE(TimeFrequencyVAEConfig())
            parts = {**PARTS, "encoder_conf": encoder, "lm_conf": lm}
            model = build_part("model", "model", parts, {"latent": vae})
        assert sum(p.numel() for p in model.lm.parameters()) + sum(
            p.numel() for p in model.encoder.parameters() if p.requires_grad
        ) == sum(p.numel() for p in model.parameters() if p.requires_grad)
        return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)

    assert size({}, {}) == 200_766_464
    large = {"width": 512, "num_layers": 16, "num_heads": 8}
    assert size(large, {"width": 1024, "num_layers": 16, "num_heads": 16}) == 474_096_000


def test_more_steps_than_training_has_are_refused_before_anything_is_extracted():
    configs = {"lm": LatentDiffusionConfig(num_steps=20)}
    assert SoloSpeech.faults_of_decoding(LatentDiffusionDecode(steps=20), configs) == []
    [fault] = SoloSpeech.faults_of_decoding(LatentDiffusionDecode(steps=21), configs)
    assert fault == "steps: 21 is more than the 20 of training; take fewer"


def test_chunks_have_the_level_of_what_they_are_extracted_from():
    model, batch = nano_solo_speech(), make_batch((9600,), (1700,), "a")
    batch.mixture[:, 3200:6400] *= 1e-3
    conf = replace(QUICK, max_chunk_s=0.1, overlap_s=0.002, level="none")
    waveform = model.extract(batch, conf).waveform[0]
    loud, quiet = (waveform[span].square().mean().sqrt() for span in (slice(0, 3000), slice(4800, 6200)))
    assert quiet < 1e-2 * loud


def test_vocoders_of_other_features_do_not_fit():
    with pytest.raises(
        ValueError, match="--vocoder mel_vocoder does not fit this model; take one of: latent_decoder$"
    ):
        nano_solo_speech(vocoder="mel_vocoder")


@pytest.mark.parametrize(
    "encoder", ["latent_sequence", "latent_speaker", "mixture_spectrum", "mixture_mel", "masked_mel_lstm"]
)
def test_its_encoders_and_those_of_spectra_do_not_fit_token_models(encoder):
    for name, model in model_choices.classes.items():
        for slot in model.slots.values():
            if slot.table == "encoder" and name in TOKEN_MODELS:
                with pytest.raises(
                    ValueError,
                    match=f"--{slot.name} {encoder} does not fit this model; take one of: acoustic_adapter, adapter,",
                ):
                    check_kind(slot, {slot.name: encoder})


@pytest.mark.parametrize(
    "path", sorted([*CONF.glob("decode_candidates_*"), *CONF.glob("decode_diffusion_*")]), ids=str
)
def test_its_decodings_are_read(path):
    settings = read_decode_settings(str(path), SoloSpeech)
    number = int(path.stem.rsplit("_", 1)[1])
    assert number == (settings.candidates if "candidates" in path.stem else settings.steps)


def test_the_decoding_of_the_nano_corrector_is_read():
    settings = read_decode_settings(str(CONF / "decode_corrector_nano.yaml"), Corrector)
    assert settings.candidates == 2 and settings.system == {"steps": 2}

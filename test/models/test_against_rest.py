from dataclasses import replace
from pathlib import Path

import pytest
import torch
from factories import make_batch
from nano_extractors import SYSTEMS, nano_extractor

from espnet_tse.extractor.given_embedding import GivenEmbeddingConfig
from espnet_tse.io.scp import DataError
from espnet_tse.models.against_rest import against_rest
from espnet_tse.models.discriminative import Discriminative, DiscriminativeConfig, DiscriminativeDecode
from espnet_tse.schema import DecodeConf, Estimate, Request
from espnet_tse.tasks.choices import extractor_choices, speaker_encoder_choices
from espnet_tse.tasks.decode_settings import check_for_system, read_decode_settings
from espnet_tse.tasks.extractor import Extractor


def two_tones(low_hz=500.0, high_hz=3000.0):
    """A batch of one whose mixture is two tones; the tones, (N,) each."""
    batch = make_batch([1.0], [0.5], None)
    time = torch.arange(16000) / 16000
    low, high = torch.sin(2 * torch.pi * low_hz * time), torch.sin(2 * torch.pi * high_hz * time)
    batch.mixture = (low + high)[None]
    return batch, low, high


def passes(heard, *outputs):
    """An estimate function whose n-th call gives the n-th output, and notes what it was given."""

    def estimate(batch, request):
        waveform = outputs[len(heard)].expand_as(batch.mixture)
        heard.append(batch)
        return Estimate(waveform, batch.mixture_lengths, batch.sample_rate, num_function_evaluations=1)

    return estimate


def run(batch, *outputs):
    heard = []
    request = Request(batch.mixture_lengths, ["a"], DecodeConf())
    return against_rest(passes(heard, *outputs))(batch, request), heard


def leaked(estimate, tone):
    """Share of a tone that is in an estimate (N,), without its ends."""
    inner = slice(1024, -1024)
    return float(estimate[inner] @ tone[inner] / tone[inner].square().sum())


def test_the_second_pass_is_enrolled_by_what_the_first_left():
    batch, low, high = two_tones()
    result, (first, second) = run(batch, 0.8 * low, 0.9 * high)
    assert first is batch and second.mixture is batch.mixture
    torch.testing.assert_close(second.enrollment[0], 0.2 * low + high)
    assert second.enrollment_lengths.tolist() == [16000] and result.num_function_evaluations == 2


def test_what_the_other_talker_claims_is_taken_away():
    batch, low, high = two_tones()
    result, _ = run(batch, 0.8 * low + 0.4 * high, 0.1 * low + 0.9 * high)
    target, other = leaked(result.waveform[0], low), leaked(result.waveform[0], high)
    # E (1 - I) / (E (1 - I) + (1 - E) (1 - E + I) / 2) of 0.8 and 0.1, of 0.4 and 0.9.
    assert target == pytest.approx(0.72 / (0.72 + 0.2 * 0.15), abs=0.01)
    assert other == pytest.approx(0.04 / (0.04 + 0.6 * 0.75), abs=0.01)


def test_what_neither_claims_is_taken_away():
    batch, low, high = two_tones()
    result, _ = run(batch, 0.9 * low + 0.1 * high, 0.0 * high)
    assert leaked(result.waveform[0], high) == pytest.approx(0.1 / (0.1 + 0.9 * 0.45), abs=0.01)
    quiet, _ = run(batch, 0.9 * low + 0.1 * high, 0.9 * high)
    assert leaked(quiet.waveform[0], high) < leaked(result.waveform[0], high)


def test_a_second_pass_that_follows_the_same_talker_changes_nothing():
    batch, low, high = two_tones()
    first = 0.9 * low + 0.1 * high
    result, _ = run(batch, first, 0.8 * low + 0.3 * high)
    torch.testing.assert_close(result.waveform[0], first)
    silent, _ = run(batch, 0.0 * low, 0.0 * low)
    assert not silent.waveform.any()


def test_rows_of_a_batch_are_those_of_single_runs_and_silent_behind_their_ends():
    torch.manual_seed(0)
    model = Discriminative(nano_extractor("magnitude_mask")).eval()
    batch = make_batch([0.5, 0.3], [0.4, 0.2], None)
    conf = DiscriminativeDecode(against_rest=True, speeds=[1.0, 0.9], level="none")
    together = model.extract(batch, conf)
    assert together.num_function_evaluations == 4
    for row, length in enumerate(batch.mixture_lengths.tolist()):
        alone = model.extract(batch.rows(torch.tensor([row])), conf).waveform[0, :length]
        torch.testing.assert_close(together.waveform[row, :length], alone, atol=1e-5, rtol=1e-4)
        assert not together.waveform[row, length:].any()


@pytest.mark.parametrize("gain", [10.0, -0.1])
def test_outputs_may_have_any_level_where_training_leaves_it_open(gain):
    batch = make_batch([0.5], [0.4], None)
    conf = DiscriminativeDecode(against_rest=True, level="none")

    def extracted(gain, losses):
        extractor = nano_extractor("magnitude_mask").eval()
        pass_ = extractor.forward
        extractor.forward = lambda batch: replace(pass_(batch), waveform=gain * pass_(batch).waveform)
        return Discriminative(extractor, DiscriminativeConfig(losses)).eval().extract(batch, conf).waveform

    expected = extracted(1.0, {"si_sdr": 1.0})
    torch.testing.assert_close(extracted(gain, {"si_sdr": 1.0}), expected, atol=1e-6, rtol=1e-4)
    assert not torch.allclose(extracted(gain, {"si_sdr": 1.0, "snr": 0.1}), expected, atol=1e-4)


def test_a_system_weighs_by_itself_until_settings_say_otherwise():
    batch = make_batch([0.3], [0.2], None)
    model = Discriminative(nano_extractor("magnitude_mask"), DiscriminativeConfig(against_rest=True)).eval()
    assert model.extract(batch).num_function_evaluations == 2
    assert model.extract(batch, DiscriminativeDecode(against_rest=False)).num_function_evaluations == 1
    assert (
        Discriminative(nano_extractor("magnitude_mask")).resolved(DiscriminativeDecode()).against_rest
        is False
    )


def test_the_template_has_settings_for_it():
    conf = Path(__file__).parents[2] / "egs2" / "TEMPLATE" / "tse1" / "conf" / "decode_against_rest.yaml"
    assert read_decode_settings(conf, Discriminative).against_rest is True


def test_systems_that_hear_no_enrollment_and_streams_are_refused():
    conf = DiscriminativeDecode(against_rest=True)
    with pytest.raises(
        DataError,
        match="d.yaml: against_rest: true .* nobody has given an embedding; set against_rest: false",
    ):
        check_for_system(conf, Discriminative, {"speaker_encoder": GivenEmbeddingConfig()}, "d.yaml")
    assert not check_for_system(conf, Discriminative, {}, "d.yaml")
    given = extractor_choices.build(
        "magnitude_mask",
        SYSTEMS["magnitude_mask"][0],
        new_speaker_encoder=lambda input_dim: speaker_encoder_choices.build(
            "given", {"output_dim": 4}, input_dim=input_dim
        ),
    )
    with pytest.raises(ValueError, match="set against_rest: false"):
        Discriminative(given, DiscriminativeConfig(against_rest=True))
    causal = Extractor(Discriminative(nano_extractor("magnitude_mask", causal=True)), conf)
    with pytest.raises(DataError, match="against_rest: true wants whole mixtures.*set against_rest: false"):
        causal.stream(torch.ones(8000).numpy(), 16000)

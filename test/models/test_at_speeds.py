import math
from pathlib import Path

import pytest
import torch
from factories import make_batch
from nano_extractors import nano_extractor

from espnet_tse.models.at_speeds import at_speeds, faults_of_speeds
from espnet_tse.models.discriminative import Discriminative, DiscriminativeConfig, DiscriminativeDecode
from espnet_tse.schema import DecodeConf, Estimate, Request
from espnet_tse.tasks.decode_settings import read_decode_settings


def sines(hz, seconds):
    """(1, N) for each length, padded to the longest."""
    rows = [torch.sin(2 * math.pi * hz * torch.arange(round(one * 16000)) / 16000) for one in seconds]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def request_of(batch):
    return Request(batch.mixture_lengths, ["a"] * len(batch.mixture), DecodeConf())


def echo(heard):
    """An estimate function that gives the mixture back, and notes what it was given."""

    def estimate(batch, request):
        heard.append(batch)
        return Estimate(batch.mixture, batch.mixture_lengths, batch.sample_rate, num_function_evaluations=1)

    return estimate


def frequency(signal):
    """Hz of the strongest of a signal's components, to the nearest bin."""
    return float(torch.fft.rfft(signal).abs().argmax()) * 16000 / len(signal)


def test_a_higher_speed_is_shorter_and_higher():
    batch, heard = make_batch([1.0, 0.5], [0.8, 0.8], None), []
    batch.mixture, batch.enrollment = sines(400.0, [1.0, 0.5]), sines(800.0, [0.8, 0.8])
    result = at_speeds(echo(heard), [1.25, 0.8])(batch, request_of(batch))
    fast, slow = heard
    assert fast.mixture_lengths.tolist() == [12800, 6400] and fast.enrollment_lengths.tolist() == [
        10240,
        10240,
    ]
    assert slow.mixture_lengths.tolist() == [20000, 10000]
    assert frequency(fast.mixture[0]) == pytest.approx(500.0, abs=2)
    assert frequency(fast.enrollment[0]) == pytest.approx(1000.0, abs=2)
    assert not fast.mixture[1, 6400:].any() and not slow.mixture[1, 10000:].any()
    assert result.num_function_evaluations == 2 and result.waveform.shape == batch.mixture.shape


def test_what_is_heard_at_several_speeds_comes_back_at_its_own():
    batch = make_batch([1.0, 0.51], [0.5, 0.5], None)
    batch.mixture = sines(700.0, [1.0, 0.51])
    result = at_speeds(echo([]), [1.0, 0.94, 1.06])(batch, request_of(batch))
    for row, length in enumerate([16000, 8160]):
        inner = slice(200, length - 200)  # without the ends of the filters
        difference = (result.waveform[row] - batch.mixture[row])[inner]
        assert difference.norm() < 1e-2 * batch.mixture[row, inner].norm()
        assert not result.waveform[row, length:].any()


def test_rows_of_a_batch_are_those_of_single_runs():
    torch.manual_seed(0)
    model, batch = Discriminative(nano_extractor("magnitude_mask")).eval(), make_batch(
        [0.5, 0.3], [0.4, 0.2], None
    )
    conf = DiscriminativeDecode(speeds=[1.0, 0.9], level="none")
    together = model.extract(batch, conf).waveform
    for row, length in enumerate(batch.mixture_lengths.tolist()):
        alone = model.extract(batch.rows(torch.tensor([row])), conf).waveform[0, :length]
        torch.testing.assert_close(together[row, :length], alone, atol=1e-5, rtol=1e-4)


def test_the_mean_is_that_of_passes_at_single_speeds_also_in_chunks():
    torch.manual_seed(0)
    model, batch = Discriminative(nano_extractor("magnitude_mask")).eval(), make_batch([0.6], [0.4], None)

    def at(speeds, **chunks):
        return model.extract(batch, DiscriminativeDecode(speeds=speeds, level="none", **chunks)).waveform

    torch.testing.assert_close(at([1.0, 0.9, 1.1]), (at([1.0]) + at([0.9]) + at([1.1])) / 3)
    assert not torch.allclose(at([1.0]), at([0.9]), atol=1e-3)
    torch.testing.assert_close(at([1.0]), at(None))
    assert at([1.0, 0.9], max_chunk_s=0.3, overlap_s=0.1).shape == batch.mixture.shape


def test_a_system_has_speeds_of_its_own_until_settings_say_otherwise():
    model = Discriminative(nano_extractor("magnitude_mask"), DiscriminativeConfig(speeds=[1.0, 0.94]))
    assert model.resolved(DiscriminativeDecode()).speeds == [1.0, 0.94]
    assert model.resolved(DiscriminativeDecode(speeds=[1.0])).speeds == [1.0]
    assert model.extract(make_batch([0.1], [0.1], None)).num_function_evaluations == 2


@pytest.mark.parametrize(
    "speeds", [[], [1.0, 1.0], [0.4], [2.5], [0.945], [-1.0], [float("nan")], [float("inf")]]
)
def test_bad_speeds_are_refused(speeds):
    for settings in (DiscriminativeDecode, DiscriminativeConfig):
        with pytest.raises(ValueError, match="want to be different factors from 0.5 to 2.0"):
            settings(speeds=speeds)


def test_the_templates_settings_are_three_speeds():
    conf = Path(__file__).parents[2] / "egs2" / "TEMPLATE" / "tse1" / "conf" / "decode_speeds.yaml"
    assert read_decode_settings(conf, Discriminative).speeds == [1.0, 0.94, 1.06]


def test_good_speeds_are_taken():
    assert [faults_of_speeds(speeds) for speeds in (None, [1.0], [1.06, 0.94, 1], [0.5, 2.0, 0.57])] == [
        []
    ] * 4

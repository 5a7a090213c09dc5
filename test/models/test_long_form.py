import pytest
import torch
from factories import TableCodec, make_batch

from espnet_tse.models.abs_tse_model import restore_level
from espnet_tse.models.long_form import chunk_starts, extract_in_chunks, fit_lengths
from espnet_tse.schema import DecodeConf, Estimate, Request


@pytest.mark.parametrize("num_samples", [1, 99, 100, 101, 180, 181, 1000])
def test_chunks_cover_everything_and_share_at_least_the_overlap(num_samples):
    starts = chunk_starts(num_samples, chunk=100, overlap=20)
    covered = {sample for start in starts for sample in range(start, min(start + 100, num_samples))}
    assert covered == set(range(num_samples))
    assert all(second - first <= 80 for first, second in zip(starts, starts[1:]))


def identity(gains):
    """A system that returns its mixtures at levels of its own."""

    def estimate(batch, request):
        scale = torch.tensor(gains).repeat(batch.mixture.size(0))[: batch.mixture.size(0), None]
        return Estimate(batch.mixture * scale, batch.mixture_lengths, batch.sample_rate)

    return estimate


@pytest.mark.parametrize("seconds", [0.3, 2.0, 2.01, 7.0])
def test_an_identity_survives_chunking_whatever_level_its_chunks_have(seconds):
    batch = make_batch([seconds, 1.0], [0.5, 0.5], TableCodec())
    request = Request(batch.mixture_lengths, batch.keys, DecodeConf(max_chunk_s=2.0, overlap_s=0.5))
    whole = extract_in_chunks(identity([1.0]), batch, request)
    torch.testing.assert_close(whole.waveform, batch.mixture, atol=1e-5, rtol=1e-4)
    changing = extract_in_chunks(identity([1.0, 3.0, 0.5]), batch, request).waveform[
        0, : int(16000 * seconds)
    ]
    ratio = changing / batch.mixture[0, : len(changing)]
    torch.testing.assert_close(ratio, torch.full_like(ratio, float(ratio[0])), atol=1e-2, rtol=1e-2)


def test_lengths_are_trimmed_padded_and_masked():
    waveform = torch.ones(2, 5)
    assert fit_lengths(waveform, torch.tensor([7, 3]), 7).tolist() == [[1] * 5 + [0] * 2, [1] * 3 + [0] * 4]
    assert fit_lengths(waveform, torch.tensor([4, 3]), 4).tolist() == [[1] * 4, [1] * 3 + [0]]


@pytest.mark.parametrize("level", ["mixture_rms", "mixture_peak"])
def test_level_follows_the_mixture_and_never_clips(level):
    batch = make_batch([0.5], [0.5], TableCodec())
    estimate = torch.randn_like(batch.mixture) * 20
    restored = restore_level(estimate, batch, level)
    measure = (lambda x: x.square().mean().sqrt()) if level == "mixture_rms" else (lambda x: x.abs().max())
    torch.testing.assert_close(measure(restored), measure(batch.mixture), atol=1e-4, rtol=1e-3)
    batch.mixture = batch.mixture * 50
    assert restore_level(estimate, batch, level).abs().max() <= 1.0
    assert restore_level(torch.zeros_like(estimate), batch, level).abs().max() == 0
    assert restore_level(estimate, batch, "none") is estimate

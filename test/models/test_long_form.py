from dataclasses import replace

import pytest
import torch
from factories import TableCodec, make_batch

from espnet_tse.models.level import restore_level
from espnet_tse.models.long_form import chunk_starts, extract_in_chunks, fit_lengths, gain_between
from espnet_tse.schema import DecodeConf, Estimate, Request, TSEBatch


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


def test_a_row_that_is_not_split_keeps_its_key_beside_one_that_is():
    seen = []

    def estimate(batch, request):
        seen.append(request.keys)
        assert batch.keys == request.keys
        return Estimate(batch.mixture, batch.mixture_lengths, batch.sample_rate, num_function_evaluations=3)

    batch = make_batch([0.3, 2.2], [0.5, 0.5], TableCodec())
    request = Request(batch.mixture_lengths, ["short", "long"], DecodeConf(max_chunk_s=1.0, overlap_s=0.2))
    result = extract_in_chunks(estimate, replace(batch, keys=request.keys), request)
    assert seen == [["short"], ["long@0", "long@12800", "long@19200"]]
    assert result.num_function_evaluations == 6 and result.diagnostics["num_chunks"] == 4


def test_a_long_row_is_extracted_in_groups_of_chunks():
    sizes = []

    def estimate(batch, request):
        sizes.append(len(request.keys))
        return Estimate(
            batch.mixture, batch.mixture_lengths, batch.sample_rate, diagnostics={"num_frames": 2}
        )

    batch = make_batch([9.5], [0.5], TableCodec())
    request = Request(batch.mixture_lengths, batch.keys, DecodeConf(max_chunk_s=0.5, overlap_s=0.1))
    result = extract_in_chunks(estimate, batch, request)
    assert max(sizes) == 8 and sum(sizes) == result.diagnostics["num_chunks"] == 24
    assert result.diagnostics["num_frames"] == 2 * len(sizes)
    torch.testing.assert_close(result.waveform, batch.mixture)


def test_a_pause_in_the_overlap_does_not_blow_up_what_follows():
    mixture = torch.sin(torch.arange(32000) * 0.1)[None] * 0.3
    mixture[:, 12800:16000] = 0.0
    noise = 1e-4 * torch.randn(2, 16000, generator=torch.Generator().manual_seed(0))

    def estimate(batch, request):  # of the pause one chunk leaves a residue, the other hardly any
        signal = batch.mixture.clone()
        for row, key in enumerate(request.keys):
            pause = signal[row] == 0
            signal[row, pause] = noise[0, pause] if key.endswith("@0") else 1e-3 * noise[1, pause]
        return Estimate(signal, batch.mixture_lengths, batch.sample_rate)

    batch = TSEBatch(
        mixture, torch.tensor([32000]), mixture[:, :8000], torch.tensor([8000]), sample_rate=16000, keys=["k"]
    )
    conf = DecodeConf(max_chunk_s=1.0, overlap_s=0.2)
    result = extract_in_chunks(estimate, batch, Request(batch.mixture_lengths, batch.keys, conf))
    torch.testing.assert_close(result.waveform, mixture, atol=1e-3, rtol=0)


@pytest.mark.parametrize("ratio, gain", [(1.0, 1.0), (1.03, 1.0), (2.0, 2.0), (100.0, 4.0), (0.01, 0.25)])
def test_the_gain_between_chunks_is_bounded_and_leaves_a_right_level_alone(ratio, gain):
    part = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert gain_between(ratio * part, part, 1000) == pytest.approx(gain, rel=1e-5)


def test_lengths_are_trimmed_padded_and_masked():
    waveform = torch.ones(2, 5)
    assert fit_lengths(waveform, torch.tensor([7, 3]), 7).tolist() == [[1] * 5 + [0] * 2, [1] * 3 + [0] * 4]
    assert fit_lengths(waveform, torch.tensor([4, 3]), 4).tolist() == [[1] * 4, [1] * 3 + [0]]


@pytest.mark.parametrize("level", ["mixture_rms", "mixture_peak"])
def test_level_follows_the_mixture_and_never_clips(level):
    batch = make_batch([0.5], [0.5], TableCodec())
    estimate = torch.randn_like(batch.mixture) * 20
    restored = restore_level(estimate.clone(), batch, level)
    measure = (lambda x: x.square().mean().sqrt()) if level == "mixture_rms" else (lambda x: x.abs().max())
    torch.testing.assert_close(measure(restored), measure(batch.mixture), atol=1e-4, rtol=1e-3)
    peak = batch.mixture.abs().max()
    batch.mixture = batch.mixture * (0.9 / peak)
    assert restore_level(estimate.clone(), batch, level).abs().max() <= 1.0
    batch.mixture = batch.mixture * 3  # in floats a mixture may leave [-1, 1], and its estimate as far
    beyond = restore_level(estimate.clone(), batch, level).abs().max()
    assert 1.0 < beyond <= batch.mixture.abs().max() * (1 + 1e-6)
    assert restore_level(torch.zeros_like(estimate), batch, level).abs().max() == 0
    assert restore_level(estimate, batch, "none") is estimate


def test_nothing_is_made_up_where_a_chunk_is_all_zeros():
    def talking(batch, request):
        return Estimate(torch.ones_like(batch.mixture), batch.mixture_lengths, batch.sample_rate)

    batch = make_batch([4.0, 1.0], [0.5, 0.5], TableCodec())
    batch.mixture[0, 16000:48000] = 0.0
    request = Request(batch.mixture_lengths, batch.keys, DecodeConf(max_chunk_s=1.0, overlap_s=0.2))
    waveform = extract_in_chunks(talking, batch, request).waveform
    assert not waveform[0, 28800:38400].any() and waveform[0, :12000].all() and waveform[1, :16000].all()

"""Offsets and silent stretches that extraction takes out of its input."""

import torch
from factories import TableCodec, make_batch

from espnet_tse.models.prepared_input import prepared, without_offset, without_pauses

RATE = 16000
NOISE = 0.1 * torch.randn(1, 4 * RATE, generator=torch.Generator().manual_seed(0))


def test_an_offset_is_taken_off_and_a_small_mean_left():
    lengths = torch.tensor([40000, 64000])
    signal = NOISE.repeat(2, 1)
    signal[0, :40000] += 0.2
    signal[0, 40000:] = 0.0
    cleared = without_offset(signal, lengths)
    torch.testing.assert_close(cleared[0, :40000].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    assert torch.equal(cleared[1], signal[1]) and not cleared[0, 40000:].any()
    assert without_offset(NOISE, torch.tensor([64000])) is NOISE


def test_long_pauses_are_shortened_and_short_ones_stay():
    speech, short, long = NOISE[0, :RATE], torch.zeros(RATE // 2), 1e-5 * NOISE[0].repeat(5)
    lengths = torch.tensor([2 * RATE + RATE // 2])
    whole = torch.cat([speech, short, speech])[None]
    assert without_pauses(whole, lengths, RATE)[0] is whole
    signal = torch.cat([speech, short, speech, long])[None]
    cut, cut_lengths = without_pauses(signal, torch.tensor([signal.size(1)]), RATE)
    assert cut_lengths.tolist() == [3 * RATE] and cut.shape == (1, 3 * RATE)  # half a second of pause is kept
    assert torch.equal(cut[0, : 2 * RATE + RATE // 2], whole[0])


def test_rows_have_pauses_of_their_own():
    signal = torch.cat([torch.zeros(2 * RATE), NOISE[0, : 2 * RATE]]).repeat(2, 1)
    signal[1] = NOISE[0]
    cut, lengths = without_pauses(signal, torch.tensor([4 * RATE, 3 * RATE]), RATE)
    assert lengths.tolist() == [2 * RATE + RATE // 2, 3 * RATE]
    assert torch.equal(cut[1, : 3 * RATE], NOISE[0, : 3 * RATE]) and not cut[0, lengths[0] :].any()


def test_a_batch_without_enrollment_or_with_silence_only():
    batch = make_batch([0.5], [0.5], TableCodec())
    batch.enrollment, batch.enrollment_lengths, batch.task = None, None, "ss"
    assert prepared(batch).enrollment is None
    silence = torch.zeros(1, 4 * RATE)
    assert without_pauses(silence, torch.tensor([4 * RATE]), RATE)[0] is silence

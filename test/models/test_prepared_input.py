"""Offsets and silent stretches that extraction takes out of its input."""

import pytest
import torch
from factories import TableCodec, make_batch

from espnet_tse.models.prepared_input import prepared, speech_s, without_offset, without_pauses

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


SYLLABLES = NOISE[0] * torch.cos(4 * torch.pi * torch.arange(4 * RATE) / RATE)


@pytest.mark.parametrize("noise_db", [-40, -20, -10])
def test_hiss_behind_the_speech_is_a_pause(noise_db):
    generator = torch.Generator().manual_seed(1)
    hiss = 0.07 * 10 ** (noise_db / 20) * torch.randn(24 * RATE, generator=generator)
    signal = hiss + torch.cat([SYLLABLES, torch.zeros(20 * RATE)])
    assert speech_s(signal, RATE) == pytest.approx(4.0, abs=0.3)
    _, lengths = without_pauses(signal[None], torch.tensor([len(signal)]), RATE)
    assert lengths.item() / RATE == pytest.approx(4.5, abs=0.3)


def test_an_offset_and_pauses_between_syllables_do_not_change_the_share_of_speech():
    pause = torch.zeros(2 * RATE)
    signal = torch.cat([SYLLABLES, pause])
    assert speech_s(signal, RATE) == speech_s(signal + 0.3, RATE) == pytest.approx(4.0, abs=0.1)


def test_steady_noise_has_no_speech_and_stays_whole():
    assert speech_s(NOISE[0], RATE) == 0.0 and speech_s(NOISE[0, :100], RATE) == 0.0
    assert without_pauses(NOISE, torch.tensor([4 * RATE]), RATE)[0] is NOISE


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

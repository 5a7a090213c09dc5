import torch

from espnet_tse.extractor.enrollment_mel import EnrollmentMel


def test_means_are_removed_and_levels_do_not_matter():
    waveform, lengths = torch.randn(1, 8000), torch.tensor([8000])
    mel, frames = EnrollmentMel(16000, 40)(waveform, lengths)
    assert int(frames[0]) == mel.size(1) == 48
    assert mel.mean(dim=1).abs().max() < 1e-5
    louder, _ = EnrollmentMel(16000, 40)(10 * waveform, lengths)
    torch.testing.assert_close(louder, mel, atol=1e-4, rtol=1e-4)


def test_a_tone_is_loudest_in_its_band():
    time = torch.arange(8000) / 16000
    low, high = (torch.sin(2 * torch.pi * hz * time) for hz in (200, 4000))
    sweep = torch.where(time < 0.25, low, high)
    mel, _ = EnrollmentMel(16000, 40)(sweep[None], torch.tensor([8000]))
    assert mel[0, 10].argmax() < 10 < 25 < mel[0, 40].argmax()


def test_padding_and_blips():
    waveform = torch.randn(2, 6000)
    mel, frames = EnrollmentMel(16000, 40)(waveform, torch.tensor([6000, 100]))
    assert frames.tolist() == [36, 1] and not mel[1, 1:].any()

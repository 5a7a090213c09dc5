import pytest
import torch

from espnet_tse.extractor.filterbank import Analysis, Synthesis
from espnet_tse.layers.stft import STFT, ReflectedSTFT
from espnet_tse.layers.stream_state import StreamState

SIZES = [(320, 160), (512, 128), (96, 32)]


@pytest.mark.parametrize("n_fft, hop", SIZES)
@pytest.mark.parametrize("length", [1, 159, 1600, 1601])
def test_the_inverse_gives_every_sample_back(n_fft, hop, length):
    torch.manual_seed(0)
    stft, waveform = STFT(n_fft, hop), torch.randn(2, length)
    maps = stft.analyze(waveform)
    assert maps.shape == (2, int(stft.num_frames(torch.tensor(length))), n_fft // 2 + 1, 2)
    torch.testing.assert_close(stft.synthesize(maps, length), waveform, atol=1e-5, rtol=1e-5)


def test_half_overlap_has_the_frames_of_a_centred_stft_and_one_more():
    waveform = torch.randn(1, 1000)
    maps = STFT(320, 160).analyze(waveform)
    centred = torch.stft(
        waveform, 320, 160, window=torch.hann_window(320), pad_mode="constant", return_complex=True
    ).transpose(1, 2)
    assert maps.size(1) == centred.size(1) + 1
    torch.testing.assert_close(torch.view_as_complex(maps)[:, :-1], centred, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("n_fft, hop", SIZES)
def test_a_stream_is_late_by_its_delay_and_else_the_same(n_fft, hop):
    stft, state, waveform = STFT(n_fft, hop), StreamState(), torch.randn(1, 12 * hop)
    pieces = []
    for start, end in ((0, 1), (1, 4), (4, 12)):
        maps = stft.analyze(waveform[:, start * hop : end * hop], state)
        pieces.append(stft.synthesize(maps, 0, state))
    streamed = torch.cat(pieces, dim=1)
    assert not streamed[:, : stft.delay].abs().gt(1e-6).any()
    torch.testing.assert_close(streamed[:, stft.delay :], waveform[:, : -stft.delay], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("n_fft, hop", [(320, 100), (320, 320), (15, 5), (320, 0)])
def test_windows_that_do_not_cover_are_refused(n_fft, hop):
    with pytest.raises(ValueError, match="n_fft"):
        STFT(n_fft, hop)


def test_filters_are_products_with_frames_and_their_sum():
    analysis, synthesis = Analysis(3, 4, 2), Synthesis(3, 4, 2)
    waveform = torch.randn(1, 7)
    maps = analysis(waveform)
    padded = torch.nn.functional.pad(waveform, (2, 4))
    for frame in range(maps.size(1)):
        wanted = (analysis.filters.weight @ padded[0, 2 * frame : 2 * frame + 4]).clamp_min(0)
        torch.testing.assert_close(maps[0, frame], wanted)
    summed = torch.zeros(2 * (maps.size(1) - 1) + 4)
    for frame in range(maps.size(1)):
        summed[2 * frame : 2 * frame + 4] += synthesis.filters.weight @ maps[0, frame]
    torch.testing.assert_close(synthesis(maps, 7)[0], summed[2:9])


@pytest.mark.parametrize("length", [1, 7, 8, 9, 20])
def test_with_reflected_edges_a_row_is_as_it_is_alone_however_short(length):
    stft, waveform = ReflectedSTFT(16, 8), torch.randn(2, 40, generator=torch.Generator().manual_seed(0))
    waveform[1, length:] = 0.0
    lengths, number = torch.tensor([40, length]), length // 8 + 1
    both, alone = stft.analyze_rows(waveform, lengths), stft.analyze_rows(waveform[1:, :length], None)
    assert alone.size(1) == number
    torch.testing.assert_close(alone[0], both[1, :number])
    both[1, number:] = 0.0
    sounds = stft.synthesize_rows(both, lengths, 40), stft.synthesize_rows(alone, None, length)
    torch.testing.assert_close(sounds[1][0], sounds[0][1, :length])
    torch.testing.assert_close(sounds[1][0, : length // 8 * 8], waveform[1, : length // 8 * 8])
    assert not sounds[0][1, length // 8 * 8 :].any()

"""One step from the mixture to the target."""

import pytest
import torch

from espnet_tse.flow.spectral_corrector import SpectralCorrector, SpectralCorrectorConfig

SIZES = dict(width=8, multipliers=(1, 2), num_blocks=1, attention_level=None, n_fft=126, hop_length=32)


def new_corrector(**conf) -> SpectralCorrector:
    torch.manual_seed(0)
    return SpectralCorrector(SpectralCorrectorConfig(**{**SIZES, **conf})).eval()


def signals(rows: int = 2, samples: int = 1500) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, rows, samples, generator=generator).unbind()


def silent(shape: torch.Size) -> torch.Tensor:
    return torch.zeros(shape)


def test_compression_and_its_inverse():
    corrector, (mixture, _) = new_corrector(n_fft=510, hop_length=128, multipliers=(1, 1, 2)), signals(
        samples=1601
    )
    mixture[0, 200:900] = 0.0
    compressed = corrector.compressed(mixture)
    torch.testing.assert_close(corrector.waveform(compressed, 1601), mixture, atol=1e-5, rtol=0)
    # 0.15 |S|^0.5 of a spectrum whose window is not normalised, as the released code has it.
    frame = torch.nn.functional.pad(mixture, (191, 191))[:, 128 * 3 : 128 * 3 + 510] * torch.hann_window(510)
    expected = 0.15 * torch.fft.rfft(frame).abs().sqrt()
    torch.testing.assert_close(compressed[:, 3].abs(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("samples", [20, 63, 64, 1500])
def test_frames_on_the_edges_of_hops_for_signals_of_any_length(samples):
    corrector, (mixture, estimate) = new_corrector(edges="reflected"), signals(samples=samples)
    assert corrector.compressed(mixture).size(1) == 2 * (samples // 32 // 2 + 1)  # filled up
    lengths = torch.tensor([samples, samples - 7])
    together = corrector.correct(mixture, estimate, lengths, [silent] * 2)
    alone = corrector.correct(mixture[1:, : samples - 7], estimate[1:, : samples - 7], lengths[1:], [silent])
    torch.testing.assert_close(together[1:, : samples - 7], alone, atol=1e-4, rtol=1e-4)
    assert together.isfinite().all() and not together[1, samples - 7 :].any()


def test_silence_has_a_finite_slope():
    corrector, waveform = new_corrector(), torch.zeros(1, 640, requires_grad=True)
    corrector.corrected(waveform, waveform, silent).square().sum().backward()
    assert waveform.grad.isfinite().all()


def test_a_network_of_zeros_returns_the_start(monkeypatch):
    corrector, (mixture, estimate) = new_corrector(), signals()
    monkeypatch.setattr(corrector, "evaluated", lambda state, *ends: torch.zeros_like(state))
    torch.testing.assert_close(corrector.corrected(mixture, estimate, silent), mixture, atol=1e-5, rtol=0)
    other = new_corrector(start="estimate")
    monkeypatch.setattr(other, "evaluated", lambda state, *ends: torch.zeros_like(state))
    torch.testing.assert_close(other.corrected(mixture, estimate, silent), estimate, atol=1e-5, rtol=0)


def test_the_ideal_score_gives_the_target(monkeypatch):
    corrector, (mixture, target) = new_corrector(), signals()
    peak = mixture.abs().amax(dim=1, keepdim=True)
    clean = corrector.compressed(target / peak)
    states = []

    def ideal(state, mixture_spectrum, estimate_spectrum):
        # X = M + 2 sigma Z + 0.676 s, where the network gives -s; the state is M + sigma Z.
        states.append(state)
        return -(clean - mixture_spectrum - 2 * (state - mixture_spectrum)) / 0.676

    monkeypatch.setattr(corrector, "evaluated", ideal)
    noise = torch.Generator().manual_seed(3)
    corrected = corrector.corrected(mixture, mixture, lambda shape: torch.randn(shape, generator=noise))
    torch.testing.assert_close(corrected, target, atol=1e-4, rtol=0)
    assert len(states) == 1  # one evaluation
    spread = states[0] - corrector.compressed(mixture / peak)
    assert float(spread.abs().square().mean().sqrt()) == pytest.approx(0.491685, rel=0.03)


def test_mixture_and_estimate_have_their_places():
    corrector, (mixture, estimate) = new_corrector(), signals()
    plain = corrector.corrected(mixture, estimate, silent)
    assert (plain - corrector.corrected(estimate, mixture, silent)).abs().max() > 1e-3
    spectra = [corrector.compressed(signal) for signal in (mixture, estimate)]
    one, other = corrector.evaluated(spectra[0], *spectra), corrector.evaluated(spectra[0], *spectra[::-1])
    assert (one - other).abs().max() > 1e-4


def test_batch_mates_and_padding_do_not_count():
    corrector, (mixture, estimate) = new_corrector(), signals(3)
    lengths = torch.tensor([1500, 1001, 1500])
    draws = [lambda shape, row=row: torch.full(shape, 0.1 * row) for row in range(3)]
    for signal in (mixture, estimate):
        signal[1, 1001:] = 7.0
    together = corrector.correct(mixture, estimate, lengths, draws)
    for row, length in enumerate(lengths.tolist()):
        span = slice(row, row + 1), slice(length)
        alone = corrector.correct(mixture[span], estimate[span], lengths[row : row + 1], draws[row : row + 1])
        torch.testing.assert_close(together[span], alone, atol=1e-4, rtol=1e-3)
    assert not together[1, 1001:].any()


def test_level_of_the_input_is_kept():
    corrector, (mixture, estimate) = new_corrector(), signals()
    loud = corrector.corrected(10 * mixture, 10 * estimate, silent)
    torch.testing.assert_close(
        loud, 10 * corrector.corrected(mixture, estimate, silent), atol=1e-3, rtol=1e-3
    )


def test_hidden_spans():
    corrector, ones = new_corrector(masked_share=0.3), torch.ones(400, 100)
    hidden = corrector.hidden_span(ones, torch.full((400,), 100)) == 0
    counts = hidden.sum(dim=1)
    assert counts.min() >= 1 and counts.max() == 30 and 14 < counts.float().mean() < 17
    edges = (hidden[:, 1:] != hidden[:, :-1]).sum(dim=1)
    assert edges.max() <= 2  # in one piece
    first = hidden.float().argmax(dim=1)
    assert first.min() == 0 and first.max() > 85
    assert new_corrector(masked_share=0.0).hidden_span(ones, torch.full((400,), 100)) is ones


def test_a_short_row_has_a_span_hidden_of_its_own_samples():
    corrector, ones = new_corrector(masked_share=0.3), torch.ones(1200, 100)
    lengths = torch.tensor([100, 40, 3]).repeat(400)
    torch.manual_seed(0)
    hidden = corrector.hidden_span(ones, lengths) == 0
    counts = hidden[1::3].sum(dim=1)
    assert counts.min() >= 1 and counts.max() == 12 and not hidden[1::3, 40:].any()
    assert hidden[1::3, :40].any(dim=0).all() and not hidden[2::3].any()
    torch.manual_seed(0)  # what a full row draws does not depend on the lengths of others
    alone = corrector.hidden_span(ones, torch.full_like(lengths, 100)) == 0
    assert torch.equal(hidden[::3], alone[::3])


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"n_fft": 128}, "65 bins, want a multiple of 2"),
        ({"time": 1.0}, "time 1.0 wants to be inside"),
        ({"masked_share": 1.0}, "masked_share 1.0"),
        ({"start": "noise"}, "start 'noise' is none of"),
        ({"k": 1.0}, "k above 1"),
        ({"edges": "mirrored"}, "edges 'mirrored' is none of"),
    ],
)
def test_bad_settings(conf, message):
    with pytest.raises(ValueError, match=message):
        SpectralCorrectorConfig(**{**SIZES, **conf})

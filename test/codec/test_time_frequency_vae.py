"""SoloSpeech's VAE: lengths, levels, statistics, and what it is trained for."""

from dataclasses import replace

import pytest
import torch

from espnet_tse.layers.framed_stft import FramedSTFT
from espnet_tse.codec.time_frequency_vae import TimeFrequencyVAE, TimeFrequencyVAEConfig
from espnet_tse.codec.vae_objective import VAEObjective, VAEObjectiveConfig
from espnet_tse.schema import Frames, Streams

HOP = 32
TINY = dict(
    n_fft=64, hop_length=HOP, latent_dim=5, width=4, num_blocks=1, hidden=6, num_heads=2, approx_qk_dim=66, decoder_kernel=3,
)  # fmt: skip


def new_vae(**changes) -> TimeFrequencyVAE:
    torch.manual_seed(0)
    return TimeFrequencyVAE(TimeFrequencyVAEConfig(**{**TINY, **changes})).eval()


@pytest.fixture(scope="module")
def vae() -> TimeFrequencyVAE:
    return new_vae()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.1


def lengths_of(waveform: torch.Tensor) -> torch.Tensor:
    return torch.full((len(waveform),), waveform.size(1))


def latents(vae: TimeFrequencyVAE, waveform: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return vae.encode(waveform, lengths_of(waveform))["latent"].values


@pytest.mark.parametrize("num_samples", [1, 2, HOP - 1, HOP, HOP + 1, 63, 64, 65, 319, 320, 321])
def test_a_latent_a_begun_hop_and_a_resynthesis_as_long_as_the_signal(vae, num_samples):
    waveform, length = noise(1, num_samples), torch.tensor([num_samples])
    with torch.no_grad():
        frames = vae.encode(waveform, length)["latent"]
        decoded, again = vae.decode(Streams(latent=frames)), vae.resynthesize(waveform, length)
    number = -(-num_samples // HOP)
    assert frames.values.shape == (1, number, 5) and frames.lengths.tolist() == [number]
    assert frames.frame_rate == vae.frame_rate == 16000 / HOP
    assert decoded.shape == (1, number * HOP) and again.shape == waveform.shape
    assert frames.values.isfinite().all() and again.isfinite().all()


@pytest.mark.parametrize("num_samples", [1, HOP - 1, HOP, HOP + 1, 320, 321])
def test_frames_on_the_edges_of_hops_are_one_more(num_samples):
    vae, waveform = new_vae(edges="reflected"), noise(1, num_samples)
    number, lengths = num_samples // HOP + 1, torch.tensor([num_samples])
    with torch.no_grad():
        frames = vae.encode(waveform, lengths)["latent"]
        decoded, again = vae.decode(Streams(latent=frames)), vae.resynthesize(waveform, lengths)
    assert frames.values.shape == (1, number, 5) and vae.streams["latent"].num_frames(num_samples) == number
    assert decoded.shape == (1, number * HOP) and again.shape == waveform.shape
    assert not decoded[:, (number - 1) * HOP :].any()  # nothing is behind the last edge
    assert frames.values.isfinite().all() and again.isfinite().all()
    vae.train().coded_and_decoded(waveform, None)[0].sum().backward()


@pytest.mark.parametrize("num_samples", [15999, 16000, 16001])
def test_a_second_of_speech_and_a_sample_more_or_less(num_samples):
    vae, waveform = new_vae(n_fft=640, hop_length=320, approx_qk_dim=512), noise(1, num_samples)
    frames = latents(vae, waveform)
    assert frames.size(1) == -(-num_samples // 320)
    with torch.no_grad():
        assert vae.resynthesize(waveform, torch.tensor([num_samples])).shape == waveform.shape


@pytest.mark.parametrize("n_fft, hop", [(640, 320), (512, 256), (64, 32), (64, 16)])
def test_spectra_give_every_sample_back(n_fft, hop):
    stft, signal = FramedSTFT(n_fft, hop), noise(2, 16001)
    padded = torch.nn.functional.pad(signal, (0, -16001 % hop))
    torch.testing.assert_close(stft.synthesize(stft.analyze(padded))[:, :16001], signal, atol=1e-5, rtol=0)


@pytest.mark.parametrize("changes", [{}, {"kernel": 4, "hop": 4}, {"kernel": 4, "hop": 2}])
def test_a_row_is_the_same_in_any_batch_and_padding_means_nothing(changes):
    vae, lengths = new_vae(**changes), torch.tensor([400, 250, 33])
    waveform = noise(3, 400)
    with torch.no_grad():
        together = vae.encode(waveform, lengths)["latent"]
        decoded = vae.decode(Streams(latent=together))
        for row, length in enumerate(lengths.tolist()):
            alone = vae.encode(waveform[row : row + 1, :length], lengths[row : row + 1])["latent"]
            frames = int(together.lengths[row])
            assert not together.values[row, frames:].any() and not decoded[row, frames * HOP :].any()
            torch.testing.assert_close(together.values[row, :frames], alone.values[0], atol=1e-5, rtol=1e-4)
            signal = vae.decode(Streams(latent=alone))[0]
            torch.testing.assert_close(decoded[row, : frames * HOP], signal, atol=1e-5, rtol=1e-4)
        behind = torch.arange(together.values.size(1))[None] >= together.lengths[:, None]
        together.values[behind] = 9.0
        torch.testing.assert_close(vae.decode(Streams(latent=together)), decoded, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("factor", [1e-4, 0.01, 10.0, 3e4])
def test_latents_do_not_tell_the_level_and_a_resynthesis_keeps_it(vae, factor):
    waveform, length = noise(1, 500), torch.tensor([500])
    torch.testing.assert_close(latents(vae, factor * waveform), latents(vae, waveform), atol=1e-4, rtol=0)
    with torch.no_grad():
        loud, usual = (vae.resynthesize(signal, length) for signal in (factor * waveform, waveform))
    torch.testing.assert_close(loud, factor * usual, atol=1e-4 * factor, rtol=1e-3)
    torch.testing.assert_close(loud.square().mean(), (factor * waveform).square().mean(), rtol=1e-3, atol=0)


SIGNALS = {
    "silence": torch.zeros(2, 200),
    "whisper": noise(2, 200) * 1e-12,
    "a sample": torch.tensor([[0.3], [-0.2]]),
    "a click": torch.nn.functional.pad(torch.tensor([[0.5], [1.0]]), (100, 99)),
    "an offset": torch.full((2, 200), 0.1),
    "half a silence": torch.cat([torch.zeros(1, 200), noise(1, 200)]),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_odd_signals_have_finite_latents_and_gradients(name):
    vae, signal = new_vae(), SIGNALS[name].clone().requires_grad_()
    frames = vae.encode(signal, lengths_of(signal))
    vae.decode(frames).square().mean().backward()
    assert frames["latent"].values.isfinite().all() and signal.grad.isfinite().all()
    assert all(
        parameter.grad.isfinite().all() for parameter in vae.parameters() if parameter.grad is not None
    )
    vae.zero_grad()
    objective = VAEObjective(VAEObjectiveConfig(window_lengths=(64, 16), waveform_weight=1.0), 16000)
    result = objective(vae.train(), SIGNALS[name], None)
    result.loss.backward()
    assert result.loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in vae.parameters())


def test_a_constant_is_not_blown_up(vae):
    """A recording that is off its zero line by a bit is no louder a target than others."""
    _, target, _ = vae.coded_and_decoded(torch.full((1, 320), 1e-3), None)
    assert target.abs().max() < 100


def test_silence_stays_silent(vae):
    with torch.no_grad():
        assert not vae.resynthesize(torch.zeros(1, 200), torch.tensor([200])).any()
    _, target, _ = vae.coded_and_decoded(torch.zeros(1, 200), None)
    assert not target.any()


def test_after_standardising_latents_have_mean_0_and_variance_1_and_sound_alike():
    vae, segments = new_vae(), noise(20, 320)
    mean_before, _ = vae.posterior_of(segments, lengths_of(segments))
    with torch.no_grad():
        decoded = vae.decode(vae.encode(segments, lengths_of(segments)))
    vae.standardise(lambda: segments)
    values = latents(vae, segments).flatten(0, 1)
    torch.testing.assert_close(values.mean(dim=0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(values.std(dim=0), torch.ones(5), atol=1e-4, rtol=0)
    with torch.no_grad():
        again = vae.decode(vae.encode(segments, lengths_of(segments)))
    torch.testing.assert_close(again, decoded, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(vae.posterior_of(segments, lengths_of(segments))[0], mean_before)


def test_statistics_are_saved_with_the_weights():
    vae, other, segments = new_vae(), new_vae(), noise(9, 320)
    vae.standardise(lambda: segments)
    other.load_state_dict(vae.state_dict())
    assert torch.equal(latents(vae, segments), latents(other, segments))


def test_a_channel_that_is_always_the_same_does_not_divide_by_zero():
    vae = new_vae()
    torch.nn.init.zeros_(vae.posterior[1].weight)
    vae.standardise(lambda: noise(4, 320))
    assert latents(vae, noise(1, 320, seed=1)).isfinite().all()


def given_posterior(vae: TimeFrequencyVAE, mean: float, deviation: float, monkeypatch) -> None:
    """Make every latent N(mean, deviation^2)."""

    def posterior_of(waveform, lengths):
        shape = (len(waveform), -(-waveform.size(1) // HOP), 5)
        return torch.full(shape, mean), torch.full(shape, deviation)

    monkeypatch.setattr(vae, "posterior_of", posterior_of)


@pytest.mark.parametrize("mean, deviation", [(0.0, 1.0), (0.5, 1.0), (0.0, 0.1), (-2.0, 0.3)])
def test_the_divergence_by_hand(monkeypatch, mean, deviation):
    vae = new_vae()
    given_posterior(vae, mean, deviation, monkeypatch)
    _, _, divergence = vae.coded_and_decoded(noise(2, 100), None)
    standard, posterior = torch.distributions.Normal(0.0, 1.0), torch.distributions.Normal(mean, deviation)
    # Without the half, and summed over the channels.
    wanted = 2 * 5 * torch.distributions.kl_divergence(posterior, standard)
    torch.testing.assert_close(divergence, wanted, atol=1e-5, rtol=1e-5)
    assert (divergence == 0) == ((mean, deviation) == (0.0, 1.0))


def test_latents_are_drawn_in_training_only(vae):
    waveform = noise(2, 100)
    assert torch.equal(vae.coded_and_decoded(waveform, None)[0], vae.coded_and_decoded(waveform, None)[0])
    torch.manual_seed(0)
    try:
        first, second = (vae.train().coded_and_decoded(waveform, None)[0] for _ in range(2))
    finally:
        vae.eval()
    assert not torch.equal(first, second)


def test_what_is_decoded_in_training_is_what_decode_gives(vae):
    """Statistics that ``encode`` takes away, ``decode`` puts back."""
    waveform = noise(2, 100)
    estimate, target, _ = vae.coded_and_decoded(waveform, None)
    assert estimate.shape == target.shape == waveform.shape
    torch.testing.assert_close(target.square().mean(dim=1), torch.ones(2), atol=1e-5, rtol=0)
    decoded = vae.decode(vae.encode(waveform, lengths_of(waveform)))[:, :100]
    torch.testing.assert_close(estimate, decoded, atol=1e-6, rtol=1e-5)


def test_the_encoder_hears_order_and_the_decoder_its_latents(vae):
    waveform = noise(1, 320)
    assert not torch.allclose(latents(vae, waveform.flip(1)).flip(1), latents(vae, waveform), atol=1e-3)
    frames = Frames(torch.randn(1, 10, 5), torch.tensor([10]), vae.frame_rate)
    other = replace(frames, values=frames.values.clone())
    other.values[0, 4] += 1.0
    with torch.no_grad():
        one, two = (vae.decode(Streams(latent=part)) for part in (frames, other))
    assert not torch.allclose(one, two, atol=1e-4)


def test_the_objective_is_zero_for_what_is_equal_and_adds_up():
    class Perfect(torch.nn.Module):
        def coded_and_decoded(self, waveform, num_codebooks):
            return waveform * factor, waveform, torch.tensor(3.0)

    waveform, factor = noise(2, 4000), 1.0
    conf = VAEObjectiveConfig(window_lengths=[640, 160], divergence_weight=0.5, waveform_weight=2.0)
    result = VAEObjective(conf, 16000)(Perfect(), waveform, None)
    torch.testing.assert_close(result.loss, torch.tensor(1.5), atol=1e-6, rtol=0)
    assert float(result.stats["spectral"]) == pytest.approx(0.0, abs=1e-6)
    factor = 0.5
    result = VAEObjective(conf, 16000)(Perfect(), waveform, None)
    assert float(result.stats["waveform"]) == pytest.approx(0.5 * float(waveform.abs().mean()), rel=1e-4)
    # Half as loud everywhere: convergence is 1/2, logarithms differ by log 2 but for bins at the floor.
    assert 0.5 < float(result.stats["spectral"]) <= 0.5 + 0.6932
    wanted = result.stats["spectral"] + 0.5 * 3.0 + 2.0 * result.stats["waveform"]
    torch.testing.assert_close(result.loss, wanted)


def test_errors_where_ears_hear_little_count_little():
    class Noisy(torch.nn.Module):
        def coded_and_decoded(self, waveform, num_codebooks):
            return waveform + error, waveform, torch.tensor(0.0)

    time, waveform = torch.arange(8000) / 16000, noise(1, 8000)
    objective = VAEObjective(VAEObjectiveConfig(window_lengths=(640,)), 16000)
    losses = []
    for frequency in (75.0, 2500.0):
        error = 0.05 * torch.sin(2 * torch.pi * frequency * time)[None]
        losses.append(float(objective(Noisy(), waveform, None).loss))
    assert losses[0] < losses[1]


def test_mixed_precision_computes_spectra_and_weighting_in_full():
    class Near(torch.nn.Module):
        def coded_and_decoded(self, waveform, num_codebooks):
            return waveform * (1 + 1e-4), waveform, torch.tensor(0.0)

    objective = VAEObjective(VAEObjectiveConfig(window_lengths=(640, 160)), 16000)
    wanted = objective(Near(), noise(2, 4000), None).loss
    with torch.autocast("cpu", torch.bfloat16):
        found = objective(Near(), noise(2, 4000), None).loss
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=0)


def test_a_few_updates_lower_the_objective():
    vae = new_vae().train()
    time = torch.arange(960) / 16000
    tones = torch.sin(2 * torch.pi * torch.tensor([[300.0], [1000.0]]) * time) + noise(2, 960) * 0.1
    objective = VAEObjective(VAEObjectiveConfig(window_lengths=(256, 64), waveform_weight=1.0), 16000)
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        loss = objective(vae, tones, None).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]


def test_published_sizes():
    def sizes(**changes) -> tuple[int, ...]:
        with torch.device("meta"):
            vae = TimeFrequencyVAE(TimeFrequencyVAEConfig(**changes))
        coding = (vae.encoder, vae.encoder_norm, vae.encoder_blocks, vae.posterior)
        decoding = (vae.decoder_input, vae.decoder_blocks, vae.decoder)
        parts = [
            sum(parameter.numel() for module in part for parameter in module.parameters())
            for part in (coding, decoding, vae.encoder_blocks[:1])
        ]
        assert vae.num_parameters() == sum(parts[:2])
        return vae.num_parameters(), *parts

    assert sizes() == (58_915_441, 16_289_336, 42_626_105, 1_922_621)
    assert sizes(n_fft=512, hop_length=256)[0] == 49_261_169


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"latent_dim": 0}, "latent_dim 0 and sample_rate 16000 must be positive"),
        ({"sample_rate": 0}, "must be positive"),
        ({"decoder_kernel": 4}, "decoder_kernel is 4, want an odd number"),
        ({"n_fft": 40}, "n_fft at least twice the hop"),
        ({"edges": "mirrored"}, "edges 'mirrored' is none of"),
        ({"edges": "reflected", "hop_length": 16}, "reflected edges want hop_length n_fft / 2"),
        ({"width": 5}, "width 5 is not divisible by num_heads 2"),
        ({"kernel": 2, "hop": 4}, "hop 4 is above kernel 2"),
        ({"hidden": 0}, "must be positive"),
    ],
)
def test_what_makes_no_vae_is_refused(conf, message):
    with pytest.raises(ValueError, match=message):
        TimeFrequencyVAEConfig(**{**TINY, **conf})


@pytest.mark.parametrize(
    "conf, message",
    [
        ({"spectral_weight": -1.0}, "want 0 or more"),
        ({"window_lengths": []}, "want some, of 4 samples or more"),
        ({"window_lengths": [640, 2]}, "of 4 samples or more"),
    ],
)
def test_what_makes_no_objective_is_refused(conf, message):
    with pytest.raises(ValueError, match=message):
        VAEObjectiveConfig(**conf)

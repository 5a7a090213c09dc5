"""Where on the path from background to target a mixture lies."""

import torch

from espnet_tse.flow.mixing_ratio import RatioPredictor, level_at, mixing_of
from espnet_tse.flow.straight_path import point_at
from espnet_tse.layers.spectral_frames import rms
from espnet_tse.schema import Frames

LENGTHS = torch.tensor([4000, 3000, 4000, 4000])


def signals() -> tuple[torch.Tensor, torch.Tensor]:
    """Mixtures and targets: two of both parts, one of the target alone, one without it."""
    target, background = torch.randn(2, 4, 4000, generator=torch.Generator().manual_seed(0))
    target, background = 0.3 * target, 0.1 * background
    target[1, 3000:], background[1, 3000:] = 0.0, 0.0
    background[2], target[3] = 0.0, 0.0
    return target + background, target


def test_the_mixture_lies_at_its_ratio_on_the_path():
    mixture, target = signals()
    mixing, background = mixing_of(mixture, target, LENGTHS), mixture - target
    torch.testing.assert_close(mixing.ratio, torch.tensor([0.75, 0.75, 1.0, 0.0]), rtol=0.02, atol=0)
    start = (background * mixing.background_gain[:, None])[..., None]
    end = (target * mixing.target_gain[:, None])[..., None]
    there = point_at(mixing.ratio, start, end)[..., 0]
    total = rms(target, LENGTHS) + rms(background, LENGTHS)
    torch.testing.assert_close(there, mixture / total[:, None], rtol=1e-4, atol=1e-5)
    # What decoding knows: the mixture, and the level that the ratio implies.
    torch.testing.assert_close(rms(there, LENGTHS), level_at(mixing.ratio), rtol=0.02, atol=0)


def test_ends_have_unit_level_and_absent_ones_are_silent():
    mixture, target = signals()
    mixing = mixing_of(mixture, target, LENGTHS)
    assert mixing.background_gain[2] == 0.0 and mixing.target_gain[3] == 0.0
    level = rms(target * mixing.target_gain[:, None], LENGTHS)
    torch.testing.assert_close(level, torch.tensor([1.0, 1.0, 1.0, 0.0]))


def test_what_rounding_leaves_is_no_background():
    _, target = signals()
    rounded = (target * 32768).round() / 32768
    mixing = mixing_of(rounded, target, LENGTHS)
    assert torch.equal(mixing.ratio[:3], torch.ones(3)) and not mixing.background_gain.any()


def test_silence_has_the_ratio_of_an_absent_target():
    silence = torch.zeros(2, 100)
    mixing = mixing_of(silence, silence, torch.tensor([100, 50]))
    assert not mixing.ratio.any() and not mixing.target_gain.any() and not mixing.background_gain.any()


def test_levels_do_not_matter():
    mixture, target = signals()
    louder = mixing_of(30 * mixture, 30 * target, LENGTHS).ratio
    torch.testing.assert_close(louder, mixing_of(mixture, target, LENGTHS).ratio)


def test_the_predictor_sees_no_padding_and_hears_the_speaker():
    torch.manual_seed(0)
    predictor, speaker = RatioPredictor(5, 3, 8, 2).eval(), torch.randn(2, 3)
    frames = Frames(torch.randn(2, 9, 10), torch.tensor([9, 6]), 100.0)
    frames.values[1, 6:] = 0.0
    ratio = predictor(frames, speaker)
    assert ratio.shape == (2,) and (0 < ratio).all() and (ratio < 1).all()
    alone = predictor(Frames(frames.values[1:, :6], torch.tensor([6]), 100.0), speaker[1:])
    torch.testing.assert_close(ratio[1:], alone)
    assert not torch.allclose(predictor(frames, speaker.flip(0)), ratio)


def test_the_predictor_learns_levels():
    torch.manual_seed(0)
    predictor = RatioPredictor(5, 3, 8, 1)
    optimizer = torch.optim.Adam(predictor.parameters(), lr=1e-2)
    values, speaker, wanted = torch.randn(8, 20, 10), torch.randn(8, 3), torch.linspace(0.1, 0.9, 8)
    values[..., :5] *= 4 * wanted[:, None, None]
    frames, losses = Frames(values, torch.full((8,), 20), 100.0), []
    for _ in range(60):
        loss = (predictor(frames, speaker) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]

import pytest
import torch

from espnet_tse.codec.spectrum_adversary import SpectrumAdversary, SpectrumAdversaryConfig


def combs(rows: int) -> torch.Tensor:
    """Log magnitudes (rows, 12, 65) with a line every eighth bin, each row's from another bin on."""
    bins = torch.arange(65)
    starts = torch.randint(8, (rows, 1, 1))
    return torch.where((bins + starts) % 8 == 0, 1.0, -4.0) + 0.3 * torch.randn(rows, 12, 65)


def test_a_drawing_without_lines_is_told_from_one_with_lines_and_learns_to_have_them():
    torch.manual_seed(0)
    adversary = SpectrumAdversary(SpectrumAdversaryConfig(num_filters=4))
    optimizer = torch.optim.Adam(adversary.parameters(), lr=1e-2)
    blurred = torch.full((8, 12, 65), -3.4)  # the mean of all places that the lines may have
    first = adversary.discriminator_loss(blurred, combs(8)).item()
    for _ in range(20):
        optimizer.zero_grad()
        loss = adversary.discriminator_loss(blurred, combs(8))
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3 * first
    drawn = blurred.clone().requires_grad_()
    target = combs(8)
    adversarial, feature = adversary.codec_losses(drawn, target)
    (adversarial + feature).backward()
    stepped = (drawn - 20.0 * drawn.grad / drawn.grad.abs().mean() * 0.01).detach()
    assert sum(adversary.codec_losses(stepped, target)) < adversarial + feature
    assert adversary.codec_losses(target, target)[1] == 0


def test_every_frame_is_judged_and_odd_sizes_pass():
    adversary = SpectrumAdversary(SpectrumAdversaryConfig(num_filters=2))
    [[*features, logits]] = adversary.outputs(torch.randn(3, 7, 513))
    assert len(features) == 4 and logits.shape[:3] == (3, 1, 7)


@pytest.mark.parametrize(
    "conf", [{"num_filters": 0}, {"lr": -1.0}, {"adversarial_weight": -1.0}, {"start_step": -1}]
)
def test_settings_out_of_range_are_refused(conf):
    with pytest.raises(ValueError, match=next(iter(conf))):
        SpectrumAdversaryConfig(**conf)

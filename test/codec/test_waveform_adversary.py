import torch

from espnet_tse.codec.waveform_adversary import WaveformAdversary, WaveformAdversaryConfig


def test_hinge_and_feature_matching():
    torch.manual_seed(0)
    adversary = WaveformAdversary(WaveformAdversaryConfig(num_filters=2, n_ffts=(128, 64)))
    target = torch.randn(2, 2000)
    estimate = torch.randn(2, 2000, requires_grad=True)
    adversarial, feature = adversary.codec_losses(estimate, target)
    assert adversary.codec_losses(target, target)[1] == 0 < feature
    (adversarial + feature).backward()
    assert estimate.grad.abs().sum() > 0
    logits = [outputs[-1] for outputs in adversary.outputs(target)]
    torch.testing.assert_close(
        adversary.discriminator_loss(target, target),
        torch.stack([(1 - x).relu().mean() + (1 + x).relu().mean() for x in logits]).mean(),
    )
    estimate.grad = None
    adversary.discriminator_loss(estimate, target).backward()
    assert estimate.grad is None  # the discriminator's step leaves the codec alone


def test_discriminator_learns_to_tell_apart():
    torch.manual_seed(0)
    adversary = WaveformAdversary(WaveformAdversaryConfig(num_filters=2, n_ffts=(32,)))
    optimizer = torch.optim.Adam(adversary.parameters(), lr=3e-2)
    target, estimate = torch.randn(2, 300), torch.randn(2, 300).cumsum(1) * 0.05
    first = adversary.discriminator_loss(estimate, target).item()
    for _ in range(10):
        optimizer.zero_grad()
        loss = adversary.discriminator_loss(estimate, target)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.8 * first

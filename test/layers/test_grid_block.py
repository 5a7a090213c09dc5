import pytest
import torch
from published_grid import PublishedUSEFTFGridNet, first_block, published_block

from espnet_tse.layers.grid_attention import GridAttention
from espnet_tse.layers.grid_block import GridBlock, GridConfig
from espnet_tse.extractor.usef_tfgridnet import USEFTFGridNet, USEFTFGridNetConfig
from espnet_tse.schema import TSEBatch

BINS = 17


def shaken(module):
    """Weights that are not at their starting values, where norms would hide faults."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return module


def count(module):
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize(
    "kernel, hop, twins",
    [(1, 1, (published_block, first_block)), (4, 1, (published_block,)), (4, 2, (published_block,))],
)
def test_block_equals_those_of_espnet(kernel, hop, twins):
    torch.manual_seed(0)
    config = GridConfig(1, 8, 6, 2, 64, kernel, hop)
    block, maps = shaken(GridBlock(config, BINS)), torch.randn(2, 13, BINS, 8)
    ours = block(maps)
    for twin in twins:
        theirs = twin(block, config, BINS)(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def nano(**conf):
    torch.manual_seed(0)
    sizes = {"n_fft": 32, "hop_length": 16, "width": 8, "num_blocks": 2, "hidden": 6, "num_heads": 2}
    config = USEFTFGridNetConfig(approx_qk_dim=64, **sizes, **conf)
    return shaken(USEFTFGridNet(config)), config


def estimates(model, mixture, enrollment):
    lengths = [torch.full((len(signal),), signal.size(1)) for signal in (mixture, enrollment)]
    return model(TSEBatch(mixture, lengths[0], enrollment, lengths[1], sample_rate=16000)).waveform


def test_usef_tfgridnet_equals_the_published_network_with_its_gradients():
    model, config = nano()
    published = PublishedUSEFTFGridNet(model, config.grid)
    mixture, enrollment = torch.randn(2, 500), torch.randn(2, 333)
    ours, theirs = estimates(model, mixture, enrollment), published(mixture, enrollment)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    for waveform in (ours, theirs):
        waveform.square().sum().backward()
    for name in ("encoder", "decoder"):
        wanted = getattr(published, name).weight.grad
        torch.testing.assert_close(getattr(model, name).weight.grad, wanted, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("saving", [{"checkpoint_blocks": True}, {"recompute_gates": True}])
def test_saving_memory_changes_nothing(saving):
    mixture, enrollment = torch.randn(1, 400), torch.randn(1, 300)
    gradients = []
    for conf in ({}, saving):
        model, _ = nano(**conf)
        estimates(model, mixture, enrollment).square().sum().backward()
        gradients.append([weight.grad for weight in model.parameters()])
    for plain, saved in zip(*gradients):
        torch.testing.assert_close(saved, plain, atol=1e-5, rtol=1e-4)


def test_sizes_are_the_published_ones():
    sizes = {2: 5_505_225, 6: 16_241_277}
    for blocks, parameters in sizes.items():
        model = USEFTFGridNet(USEFTFGridNetConfig(num_blocks=blocks))
        assert count(model) == parameters
    assert count(model.encoder) + count(model.encoder_norm) == 2688
    assert count(model.cross_attention) == 129_901 and count(model.decoder) == 4610
    assert {count(block) for block in model.blocks} == {2_684_013}
    assert count(USEFTFGridNet(USEFTFGridNetConfig(8000, 128, 64))) == 15_641_885


@torch.no_grad()
def test_order_of_the_keys_does_not_matter():
    torch.manual_seed(0)
    attention, queries, keys = (
        GridAttention(8, BINS, 2, 64),
        torch.randn(1, 5, BINS, 8),
        torch.randn(1, 9, BINS, 8),
    )
    shuffled = keys[:, torch.randperm(9)]
    torch.testing.assert_close(attention(queries, shuffled), attention(queries, keys), atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_the_first_convolution_sees_two_frames_around():
    model, _ = nano()
    waveform = torch.randn(1, 320)
    maps = model.stft.analyze(waveform)
    changed = maps.clone()
    changed[:, 10] += 1.0
    difference = (model.encoder(changed.permute(0, 3, 1, 2)) - model.encoder(maps.permute(0, 3, 1, 2))).abs()
    assert difference.amax(dim=(0, 1, 3)).nonzero().flatten().tolist() == [9, 10, 11]

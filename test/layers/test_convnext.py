import torch

from espnet_tse.layers.convnext import ConvNeXtStack


def make_stack(num_blocks=3):
    torch.manual_seed(0)
    return ConvNeXtStack(6, 8, num_blocks, 5).eval()


def padded(*lengths):
    """Rows of ``lengths`` with garbage behind them, and their padding."""
    features = torch.randn(len(lengths), max(lengths), 6, generator=torch.Generator().manual_seed(1))
    padding = torch.arange(max(lengths))[None] >= torch.tensor(lengths)[:, None]
    return features, padding


def test_with_padding_a_row_is_as_if_it_were_alone():
    stack, lengths = make_stack(), (5, 12, 1)
    features, padding = padded(*lengths)
    together = stack(features, padding)
    assert together.shape == (3, 12, 5)
    for row, length in enumerate(lengths):
        alone = stack(features[row : row + 1, :length])
        torch.testing.assert_close(together[row, :length], alone[0], atol=1e-5, rtol=1e-5)


def test_without_padding_a_row_sees_what_stands_behind_it():
    # So the test above cannot pass by a receptive field of one frame.
    stack = make_stack()
    features, _ = padded(5, 12)
    assert not torch.allclose(stack(features)[0, :5], stack(features[:1, :5])[0], atol=1e-3)


def test_padding_of_full_rows_changes_nothing():
    stack = make_stack()
    features, padding = padded(7, 7)
    torch.testing.assert_close(stack(features, padding), stack(features))


def test_a_block_sees_three_frames_to_either_side():
    stack = make_stack(num_blocks=1)
    features, _ = padded(15)
    moved = features.clone()
    moved[0, 7] += 1.0
    changed = (stack(features) - stack(moved)).abs().amax(dim=2)[0] > 1e-6
    assert changed.nonzero()[:, 0].tolist() == list(range(4, 11))


def test_no_gradient_flows_to_padding():
    stack = make_stack()
    features, padding = padded(5, 12)
    features.requires_grad_()
    stack(features, padding).masked_fill(padding[..., None], 0.0).sum().backward()
    assert not features.grad[0, 5:].any() and features.grad[0, :5].abs().sum() > 0

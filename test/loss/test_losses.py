import math

import pytest
import torch

from espnet_tse.loss.code_cross_entropy import IGNORE, code_cross_entropy, code_labels
from espnet_tse.loss.embedding_regression import embedding_regression
from espnet_tse.schema import Frames


def test_labels_end_every_stream_once():
    codes = torch.tensor([[[1, 2, 3], [4, 5, 6]], [[7, -1, -1], [8, -1, -1]]])
    labels = code_labels(codes, torch.tensor([3, 1]), end_token=9)
    assert labels[0].tolist() == [[1, 4], [2, 5], [3, 6], [9, 9]]
    assert labels[1].tolist() == [[7, 8], [9, 9], [IGNORE, IGNORE], [IGNORE, IGNORE]]


def test_cross_entropy_counts_valid_frames_only():
    labels = torch.tensor([[[0, 1], [IGNORE, IGNORE]]])
    logits = torch.zeros(1, 2, 2, 4)
    logits[0, 1] = 100 * torch.randn(2, 4)
    loss, accuracy = code_cross_entropy(logits, labels)
    assert loss.item() == pytest.approx(math.log(4))
    assert accuracy.tolist() == [1.0, 0.0]  # argmax of equal logits is entry 0


def test_regression_equals_the_hand_example_and_ignores_padding():
    target = Frames(torch.zeros(2, 3, 2), torch.tensor([3, 1]), 25.0)
    estimate = Frames(torch.zeros(2, 3, 2), torch.tensor([3, 1]), 25.0)
    estimate.values[0, 0] = torch.tensor([2.0, -2.0])
    estimate.values[1, 1:] = 1e6  # behind the row's end
    # 4 valid frames x 2 dimensions: mean |e| = 4 / 8, mean e^2 = 8 / 8.
    assert embedding_regression(estimate, target).item() == pytest.approx(0.5 * 0.5 + 0.25 * 1.0)


def test_short_rows_train_all_dimensions():
    values = torch.randn(1, 4, 8, requires_grad=True)
    lengths = torch.tensor([2])
    embedding_regression(Frames(values, lengths, 25.0), Frames(torch.zeros(1, 4, 8), lengths, 25.0)).backward()
    assert (values.grad[0, :2] != 0).all() and not values.grad[0, 2:].any()


def test_differing_shapes_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        embedding_regression(
            Frames(torch.zeros(1, 2, 3), torch.tensor([2]), 25.0), Frames(torch.zeros(1, 3, 3), torch.tensor([3]), 25.0)
        )

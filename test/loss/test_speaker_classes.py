"""Cross entropy of the enrolled speaker."""

import pytest
import torch

from espnet_tse.io.scp import DataError
from espnet_tse.loss.speaker_classes import speaker_cross_entropy

LOGITS = torch.tensor([[1.0, 2.0, 0.5], [0.0, 0.0, 3.0]])


def test_rows_of_unknown_speakers_are_0():
    lengths = torch.tensor([3, 1])
    known = speaker_cross_entropy(LOGITS[:1], torch.tensor([1]), lengths[:1])
    torch.testing.assert_close(speaker_cross_entropy(LOGITS, torch.tensor([1, -1]), lengths), 0.75 * known)
    assert speaker_cross_entropy(LOGITS, torch.tensor([-1, -1]), lengths) == 0


def test_numbers_that_fit_no_class_are_an_error():
    with pytest.raises(DataError, match="wants the numbers of the enrolled speakers"):
        speaker_cross_entropy(LOGITS, None, torch.tensor([1, 1]))
    with pytest.raises(DataError, match="speaker 3 of the training set, but model_conf has num_speakers 3"):
        speaker_cross_entropy(LOGITS, torch.tensor([3, 0]), torch.tensor([1, 1]))

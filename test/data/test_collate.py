"""Examples -> padded tensors."""

import numpy as np
import pytest
import torch

from espnet_tse.data.collate import TSECollate


def example(key: str, num_samples: int, num_enrollment: int, num_frames: int | None = None) -> dict:
    rng = np.random.default_rng(num_samples)
    return {
        "key": key,
        "mixture": rng.normal(size=num_samples).astype(np.float32),
        "target": rng.normal(size=num_samples).astype(np.float32),
        "enrollment": rng.normal(size=num_enrollment).astype(np.float32),
        "target_codes": None if num_frames is None else rng.integers(0, 9, (num_frames, 3)),
    }


def test_names_padding_and_lengths():
    examples = [example("a", 10, 4, 2), example("b", 7, 9, 5)]
    keys, batch = TSECollate(frame_rate=25.0)(examples)
    assert keys == ["a", "b"]
    assert batch["speech_mix"].shape == batch["speech_ref1"].shape == (2, 10)
    assert batch["speech_mix_lengths"].tolist() == batch["speech_ref1_lengths"].tolist() == [10, 7]
    assert batch["enroll_ref1"].shape == (2, 9) and batch["enroll_ref1_lengths"].tolist() == [4, 9]
    assert batch["target_codes"].shape == (2, 3, 5) and batch["target_codes"].dtype == torch.int64
    assert batch["target_codes_lengths"].tolist() == [2, 5]
    assert batch["target_codes_rate"].tolist() == [25.0]
    for row, e in enumerate(examples):
        num_samples, num_frames = len(e["mixture"]), len(e["target_codes"])
        np.testing.assert_array_equal(batch["speech_mix"][row, :num_samples], e["mixture"])
        assert not batch["speech_mix"][row, num_samples:].any()
        np.testing.assert_array_equal(batch["target_codes"][row, :, :num_frames], e["target_codes"].T)
        assert (batch["target_codes"][row, :, num_frames:] == -1).all()


def test_what_examples_do_not_have_is_left_out():
    examples = [{**example("a", 10, 4), "target": None}]
    _, batch = TSECollate(25.0)(examples)
    assert sorted(batch) == ["enroll_ref1", "enroll_ref1_lengths", "speech_mix", "speech_mix_lengths"]


def test_a_batch_is_with_codes_or_without():
    with pytest.raises(ValueError, match=r"only some examples have 'target_codes'; without it: \['a'\]"):
        TSECollate()([example("a", 10, 4), example("b", 10, 4, 2)])

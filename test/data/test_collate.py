"""Examples -> padded tensors."""

import numpy as np
import pytest
import torch

from espnet_tse.data.collate import TSECollate


def streams(rng, num_frames: int) -> dict:
    latent = rng.normal(size=(num_frames, 2)).astype(np.float32)
    return {
        "acoustic": rng.integers(0, 9, (num_frames, 3)),
        "global": rng.integers(0, 9, (4, 1)),
        "latent": latent,
    }


def example(key: str, num_samples: int, num_enrollment: int, num_frames: int | None = None) -> dict:
    rng = np.random.default_rng(num_samples)
    return {
        "key": key,
        "mixture": rng.normal(size=num_samples).astype(np.float32),
        "target": rng.normal(size=num_samples).astype(np.float32),
        "enrollment": rng.normal(size=num_enrollment).astype(np.float32),
        "targets": {} if num_frames is None else streams(rng, num_frames),
    }


def test_names_padding_and_lengths():
    examples = [example("a", 10, 4, 2), example("b", 7, 9, 5)]
    keys, batch = TSECollate({"acoustic": 25.0, "global": None, "latent": 50.0})(examples)
    assert keys == ["a", "b"]
    assert batch["speech_mix"].shape == batch["speech_ref1"].shape == (2, 10)
    assert batch["speech_mix_lengths"].tolist() == batch["speech_ref1_lengths"].tolist() == [10, 7]
    assert batch["enroll_ref1"].shape == (2, 9) and batch["enroll_ref1_lengths"].tolist() == [4, 9]
    assert batch["target_acoustic"].shape == (2, 3, 5) and batch["target_acoustic"].dtype == torch.int64
    assert batch["target_acoustic_lengths"].tolist() == [2, 5]
    assert batch["target_acoustic_rate"].tolist() == [25.0]
    for row, e in enumerate(examples):
        num_samples, num_frames = len(e["mixture"]), len(e["targets"]["acoustic"])
        np.testing.assert_array_equal(batch["speech_mix"][row, :num_samples], e["mixture"])
        assert not batch["speech_mix"][row, num_samples:].any()
        np.testing.assert_array_equal(
            batch["target_acoustic"][row, :, :num_frames], e["targets"]["acoustic"].T
        )
        assert (batch["target_acoustic"][row, :, num_frames:] == -1).all()
        np.testing.assert_array_equal(batch["target_latent"][row, :num_frames], e["targets"]["latent"])
        assert not batch["target_latent"][row, num_frames:].any()
    assert batch["target_global"].shape == (2, 1, 4) and "target_global_rate" not in batch
    assert batch["target_latent_rate"].tolist() == [50.0]


def test_what_examples_do_not_have_is_left_out():
    examples = [{**example("a", 10, 4), "target": None}]
    _, batch = TSECollate()(examples)
    assert sorted(batch) == ["enroll_ref1", "enroll_ref1_lengths", "speech_mix", "speech_mix_lengths"]


def test_a_batch_is_with_targets_or_without():
    with pytest.raises(ValueError, match=r"only some examples have 'target'; without it: \['a'\]"):
        TSECollate()([{**example("a", 10, 4), "target": None}, example("b", 10, 4)])

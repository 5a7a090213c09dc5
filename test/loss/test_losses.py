import math

import pytest
import torch
from factories import TableCodec
from tse_system import write_codec

from espnet_tse.codec.load import load_codec
from espnet_tse.loss.code_cross_entropy import IGNORE, code_cross_entropy, code_labels
from espnet_tse.loss.drawn_spectrum import drawn_spectrum
from espnet_tse.loss.embedding_regression import embedding_regression
from espnet_tse.loss.filtered_spectrum import filtered_spectrum
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
    embedding_regression(
        Frames(values, lengths, 25.0), Frames(torch.zeros(1, 4, 8), lengths, 25.0)
    ).backward()
    assert (values.grad[0, :2] != 0).all() and not values.grad[0, 2:].any()


def test_differing_shapes_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        embedding_regression(
            Frames(torch.zeros(1, 2, 3), torch.tensor([2]), 25.0),
            Frames(torch.zeros(1, 3, 3), torch.tensor([3]), 25.0),
        )


@pytest.fixture
def drawn(tmp_path):
    """A codec that draws spectra, mixtures of two lengths with garbage behind the short one, targets, embeddings."""
    codec = load_codec(write_codec(tmp_path / "codec"))
    generator = torch.Generator().manual_seed(0)
    target, other = (torch.randn(2, 8000, generator=generator) * 0.05 for _ in range(2))
    lengths = torch.tensor([8000, 5000])
    latents = codec.encode_latents(target + other, lengths)
    shifted = latents.values + 0.5 * torch.randn(latents.values.shape, generator=generator)
    return codec, target + other, target, lengths, Frames(shifted, latents.lengths, latents.frame_rate)


def test_filtered_spectrum_is_zero_where_nothing_is_to_be_filtered(drawn):
    codec, mixture, target, lengths, embeddings = drawn
    unfiltered = codec.encode_latents(mixture, lengths)
    assert filtered_spectrum(codec, mixture, mixture, lengths, unfiltered).item() == pytest.approx(
        0, abs=1e-9
    )
    assert filtered_spectrum(codec, mixture, target, lengths, unfiltered).item() > 1e-3


def test_filtered_spectrum_knows_neither_level_nor_padding(drawn):
    codec, mixture, target, lengths, embeddings = drawn
    whole = filtered_spectrum(codec, mixture, target, lengths, embeddings)
    torch.testing.assert_close(filtered_spectrum(codec, 7 * mixture, 7 * target, lengths, embeddings), whole)
    alone = [
        filtered_spectrum(
            codec,
            mixture[row : row + 1, :length],
            target[row : row + 1, :length],
            lengths[row : row + 1],
            Frames(
                embeddings.values[row : row + 1, :frames],
                embeddings.lengths[row : row + 1],
                embeddings.frame_rate,
            ),
        )
        for row, (length, frames) in enumerate(zip(lengths.tolist(), embeddings.lengths.tolist()))
    ]
    frames = embeddings.lengths / embeddings.lengths.sum()
    torch.testing.assert_close(whole, (torch.stack(alone) * frames).sum())


def led_to_the_target(loss_of, embeddings: Frames) -> Frames:
    """Embeddings after some steps that lower ``loss_of`` them and leave padding alone."""
    values = embeddings.values.clone().requires_grad_()
    moving = Frames(values, embeddings.lengths, embeddings.frame_rate)
    optimizer = torch.optim.Adam([values], lr=0.05)
    losses = []
    for _ in range(20):
        loss = loss_of(moving)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert not values.grad[1, int(embeddings.lengths[1]) :].any()
    return moving


def test_filtered_spectrum_leads_the_embeddings_to_the_target(drawn):
    codec, mixture, target, lengths, embeddings = drawn
    led_to_the_target(lambda moving: filtered_spectrum(codec, mixture, target, lengths, moving), embeddings)


def test_drawn_spectrum_leads_the_embeddings_to_the_target_at_any_level(drawn):
    codec, _, target, lengths, embeddings = drawn
    moving = led_to_the_target(lambda moving: drawn_spectrum(codec, target, lengths, moving), embeddings)
    loud = drawn_spectrum(codec, 9 * target, lengths, moving)
    torch.testing.assert_close(loud, drawn_spectrum(codec, target, lengths, moving))


def test_filtered_spectrum_wants_a_codec_that_draws_spectra():
    codec = TableCodec()
    with pytest.raises(ValueError, match="TableCodec draws no spectrum"):
        filtered_spectrum(
            codec,
            torch.randn(1, 1280),
            torch.randn(1, 1280),
            torch.tensor([1280]),
            Frames(torch.zeros(1, 2, 16), torch.tensor([2]), codec.frame_rate),
        )

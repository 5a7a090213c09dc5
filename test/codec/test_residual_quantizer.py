import pytest
import torch

from espnet_tse.codec.residual_quantizer import ResidualQuantizer, kmeans, nearest


def test_encoding_is_greedy_residual_search():
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(3, 5, 4).eval()
    latents = torch.randn(2, 7, 4)
    codes = quantizer.encode(latents)
    for b in range(2):
        for t in range(7):
            residual = latents[b, t]
            for k in range(3):
                index = int(((residual - quantizer.embed[k]) ** 2).sum(1).argmin())
                assert codes[b, k, t] == index
                residual = residual - quantizer.embed[k, index]


def test_forward_agrees_with_encode_and_passes_gradients_through():
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(3, 5, 4).eval()
    latents = torch.randn(2, 7, 4, requires_grad=True)
    result = quantizer(latents, torch.tensor([1, 3]))
    assert torch.equal(result.codes, quantizer.encode(latents))
    vectors = [quantizer.embed[k][result.codes[:, k]] for k in range(3)]
    torch.testing.assert_close(result.values[0], vectors[0][0])
    torch.testing.assert_close(result.values[1], sum(vectors)[1])
    result.values.sum().backward()
    assert torch.equal(latents.grad, torch.ones_like(latents))


def test_commitment_is_the_mean_distance_to_the_partial_sums():
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(3, 5, 4).eval()
    latents = torch.randn(2, 7, 4, requires_grad=True)
    result = quantizer(latents)
    sums = torch.stack([quantizer.embed[k][result.codes[:, k]] for k in range(3)]).cumsum(0)
    obvious = ((latents - sums) ** 2).mean()
    torch.testing.assert_close(result.commitment, obvious)
    gradients = [
        torch.autograd.grad(loss, latents, retain_graph=True)[0] for loss in (result.commitment, obvious)
    ]
    torch.testing.assert_close(*gradients)


def test_fit_and_training_lower_the_distance():
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(2, 8, 3)
    latents = torch.randn(4, 200, 3) * 3
    start = quantizer.eval()(latents).commitment
    quantizer.fit(latents.flatten(0, 1))
    fitted = quantizer.eval()(latents).commitment
    assert quantizer.inited.all() and fitted < 0.7 * start
    shifted = latents + 5
    before = quantizer.eval()(shifted).commitment
    quantizer.train()
    for _ in range(200):
        quantizer(shifted)
        quantizer.learn()
    assert quantizer.eval()(shifted).commitment < 0.5 * before


def test_dead_vectors_start_again():
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(1, 4, 2).train()
    quantizer.embed[0, 3] = quantizer.embed_avg[0, 3] = 1e6
    for _ in range(500):
        quantizer(torch.randn(2, 50, 2))
        quantizer.learn()
    assert quantizer.embed.abs().max() < 10
    used = torch.bincount(quantizer.eval()(torch.randn(2, 200, 2)).codes.flatten(), minlength=4)
    assert (used > 0).all()


def test_evaluation_moves_nothing():
    quantizer = ResidualQuantizer(2, 4, 3).eval()
    before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
    quantizer(torch.randn(1, 9, 3))
    assert all(torch.equal(before[name], tensor) for name, tensor in quantizer.state_dict().items())


def test_tables_learn_the_same_from_pieces_and_nothing_from_what_is_dropped():
    torch.manual_seed(0)
    whole = ResidualQuantizer(3, 6, 4).train()
    whole.embed[1, 2] = whole.embed_avg[1, 2] = 1e3  # one that dies
    pieces = ResidualQuantizer(3, 6, 4).train()
    pieces.load_state_dict(whole.state_dict())
    latents = torch.randn(4, 30, 4)
    for step in range(100):
        before = {name: value.clone() for name, value in pieces.state_dict().items()}
        pieces(latents * float("nan"))
        pieces.forget()
        pieces(latents[:1])
        pieces(latents[1:])
        assert all(torch.equal(before[name], value) for name, value in pieces.state_dict().items())
        whole(latents)
        for quantizer in (whole, pieces):
            torch.manual_seed(step)
            quantizer.learn()
    torch.testing.assert_close(whole.state_dict(), pieces.state_dict(), atol=1e-4, rtol=1e-4)
    assert whole.embed.abs().max() < 10  # the dead one has started again


def test_quantizing_stays_exact_under_autocast():
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(4, 64, 8).eval()
    latents = torch.randn(2, 50, 8)
    with torch.autocast("cpu", torch.bfloat16):
        result = quantizer(latents)
    assert torch.equal(result.codes, quantizer.encode(latents)) and result.values.dtype == torch.float32


def test_kmeans_finds_clusters_and_survives_few_samples():
    torch.manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    samples = (centres[:, None] + 0.1 * torch.randn(3, 50, 2)).flatten(0, 1)
    means, sizes = kmeans(samples, 3, 20)
    assert sizes.sum() == 150
    assert (torch.cdist(means, samples).min(1).values < 1).all()
    means, sizes = kmeans(samples[:2], 5, 3)
    assert means.shape == (5, 2) and torch.isfinite(means).all() and sizes.sum() == 2


def test_nearest_keeps_the_leading_shape():
    assert nearest(torch.zeros(2, 3, 4), torch.randn(6, 4)).shape == (2, 3)


@pytest.mark.parametrize("sizes", [(0, 4, 4), (2, 0, 4), (2, 4, 0)])
def test_sizes_are_checked(sizes):
    with pytest.raises(ValueError, match="sizes must be positive"):
        ResidualQuantizer(*sizes)

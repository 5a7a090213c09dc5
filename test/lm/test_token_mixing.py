import torch

from espnet_tse.lm.token_mixing import inject_codes, mix_tokens


def setup(count=20000, entries=8):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, count, 2, entries, generator=generator)
    return logits, torch.randint(0, entries, (1, count, 2), generator=generator)


def test_values_are_one_hot_and_the_gradient_is_that_of_the_probabilities():
    logits, codes = setup(50)
    logits.requires_grad_()
    mixed = mix_tokens(logits, codes, 0.0)
    torch.testing.assert_close(mixed.detach().sum(-1), torch.ones(1, 50, 2), atol=1e-6, rtol=0)
    assert torch.equal(mixed.argmax(-1), logits.argmax(-1))
    weight = torch.randn(8, generator=torch.Generator().manual_seed(1))
    (mixed @ weight).sum().backward()
    expected = torch.autograd.grad((logits.softmax(-1) @ weight).sum(), logits)[0]
    torch.testing.assert_close(logits.grad, expected, atol=1e-6, rtol=1e-5)


def test_truth_share_one_is_the_truth_without_gradient():
    logits, codes = setup(50)
    mixed = mix_tokens(logits.requires_grad_(), codes, 1.0)
    assert torch.equal(mixed.argmax(-1), codes) and not mixed.requires_grad


def test_wrong_tokens_are_replaced_with_the_given_probability():
    logits, codes = setup()
    mixed = mix_tokens(logits, codes, 0.3, torch.Generator().manual_seed(2)).argmax(-1)
    predicted = logits.argmax(-1)
    wrong = predicted != codes
    share = float((mixed == codes)[wrong].float().mean())
    deviation = (0.3 * 0.7 / int(wrong.sum())) ** 0.5
    assert abs(share - 0.3) < 3 * deviation
    assert torch.equal(mixed[~wrong], predicted[~wrong])


def test_padding_codes_do_not_break_the_one_hot():
    logits, codes = setup(4)
    codes[:] = -1
    assert mix_tokens(logits, codes, 1.0).argmax(-1).eq(0).all()


def test_injected_codes_are_those_whose_draw_is_below_the_ratio():
    predicted, labels = torch.tensor([[[1, 2, 3]]]), torch.tensor([[[4, 2, 6]]])
    draws = torch.tensor([[[0.1], [0.9], [0.5]]])  # (B, T, n)
    for ratio, wanted in ((0.0, [1, 2, 3]), (0.3, [4, 2, 3]), (0.6, [4, 2, 6]), (1.0, [4, 2, 6])):
        assert inject_codes(predicted, labels, ratio, draws)[0, 0].tolist() == wanted

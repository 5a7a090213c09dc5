import pytest
import torch
from factories import make_batch, take_row
from nano_extractors import SYSTEMS, nano_extractor

from espnet_tse.layers.multi_resolution_stft import multi_resolution_stft
from espnet_tse.loss.waveform_ratio import absent_energy, negative_si_sdr, negative_snr
from espnet_tse.models.discriminative import (
    LOSSES,
    Discriminative,
    DiscriminativeConfig,
    DiscriminativeDecode,
)


def nano(name="td_speakerbeam", **conf):
    torch.manual_seed(0)
    return Discriminative(nano_extractor(name), DiscriminativeConfig(**conf)).eval()


def two_rows():
    return make_batch([0.1, 0.07], [0.1, 0.12], None)


def test_losses_are_summed_with_their_weights():
    losses = {"si_sdr": 1.0, "snr": 0.5, "multi_resolution_stft": 2.0, "absent_energy": 0.25, "speaker": 0.1}
    assert set(losses) == set(LOSSES)
    model, batch = nano(losses=losses, num_speakers=2), two_rows()
    batch.target[1] = 0.0
    loss, stats = model.loss(batch)
    waveform = model.extractor(batch).waveform
    arguments = (waveform, batch.target, batch.mixture_lengths)
    criteria = {
        "si_sdr": negative_si_sdr,
        "snr": negative_snr,
        "multi_resolution_stft": multi_resolution_stft,
    }
    for name, criterion in criteria.items():
        torch.testing.assert_close(stats[f"loss_{name}"], criterion(*arguments))
    absent = absent_energy(waveform, batch.target, batch.mixture, batch.mixture_lengths)
    torch.testing.assert_close(stats["loss_absent_energy"], absent)
    torch.testing.assert_close(loss, sum(weight * stats[f"loss_{name}"] for name, weight in losses.items()))


def test_coarser_scales_take_their_share_in_training():
    model, batch = nano("spex_plus", coarser_weight=0.2).train(), two_rows()
    result = model.extractor(batch)
    scales = [
        negative_si_sdr(wave, batch.target, batch.mixture_lengths)
        for wave in [result.waveform, *result.coarser]
    ]
    loss, _ = model.loss(batch)
    torch.testing.assert_close(loss, 0.6 * scales[0] + 0.2 * scales[1] + 0.2 * scales[2])


def test_speakers_that_training_does_not_know_are_0():
    model, batch = nano(losses={"si_sdr": 1.0, "speaker": 1.0}, num_speakers=2), two_rows()
    batch.speaker = torch.tensor([0, -1])
    first = model.loss(batch)[1]["loss_speaker"]
    alone = model.loss(take_row(batch, 0))[1]["loss_speaker"]
    torch.testing.assert_close(first, alone * batch.mixture_lengths[0] / batch.mixture_lengths.sum())
    batch.speaker = torch.tensor([-1, -1])
    assert model.loss(batch)[1]["loss_speaker"] == 0.0


def test_every_loss_is_that_of_the_rows_weighted_by_their_lengths():
    """So neither pieces of a batch nor processes change an update: one row is shorter, one has no target, one no speaker."""
    model = nano(losses=dict.fromkeys(LOSSES, 1.0), num_speakers=2)
    batch = make_batch([0.2, 0.15, 0.2], [0.1, 0.1, 0.1], None)
    batch.target[1] = 0.0
    batch.speaker = torch.tensor([0, 1, -1])
    _, together = model.loss(batch)
    alone = [model.loss(take_row(batch, row))[1] for row in range(3)]
    shares = batch.mixture_lengths / batch.mixture_lengths.sum()
    for name, value in together.items():
        expected = sum(share * stats[name] for share, stats in zip(shares, alone))
        torch.testing.assert_close(value, expected, atol=1e-4, rtol=1e-4, msg=name)


def test_training_and_extraction_have_the_same_estimate():
    model, batch = nano("usef_tfgridnet"), two_rows()
    estimate = model.extract(batch, DiscriminativeDecode(level="none"))
    lengths = batch.mixture_lengths
    wanted = negative_si_sdr(estimate.waveform, batch.target, lengths)
    torch.testing.assert_close(model.loss(batch)[0], wanted, atol=1e-4, rtol=1e-5)
    assert estimate.num_function_evaluations == 1


def test_long_mixtures_are_extracted_in_chunks():
    model, batch = nano(), make_batch([0.5], [0.1], None)
    whole = model.extract(batch, DiscriminativeDecode()).waveform
    parts = model.extract(batch, DiscriminativeDecode(max_chunk_s=0.2, overlap_s=0.05))
    assert parts.waveform.shape == whole.shape and parts.diagnostics["num_chunks"] == 3


def test_a_few_steps_learn_a_mixture():
    torch.manual_seed(0)
    model, batch = nano("usef_tfgridnet").train(), make_batch([0.1, 0.1], [0.1, 0.1], None)
    batch.target = torch.sin(torch.arange(1600) * 0.3).expand(2, -1) * 0.1
    batch.mixture = batch.target + batch.mixture
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss, _ = model.loss(batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 4.0


def test_bfloat16_stays_near_float32():
    model, batch = nano("usef_tfgridnet"), two_rows()
    with torch.no_grad():
        plain = model.extractor(batch).waveform
        with torch.autocast("cpu", torch.bfloat16):
            rough = model.extractor(batch).waveform
    assert rough.dtype == torch.float32
    assert (rough - plain).norm() < 0.05 * plain.norm()


@pytest.mark.parametrize(
    "conf, fault",
    [
        ({"losses": {"si_sdt": 1.0}}, "did you mean 'si_sdr'"),
        ({"losses": {"speaker": 1.0}}, "compare no waveforms"),
        ({"losses": {"si_sdr": -1.0}}, "positive weights"),
        ({"coarser_weight": 0.5}, "share in"),
    ],
)
def test_bad_criteria_are_refused(conf, fault):
    with pytest.raises(ValueError, match=fault):
        DiscriminativeConfig(**conf)


def test_what_a_criterion_lacks_is_named():
    with pytest.raises(ValueError, match="USEFTFGridNet makes none"):
        nano("usef_tfgridnet", losses={"si_sdr": 1.0, "speaker": 1.0})
    model, batch = nano(losses={"si_sdr": 1.0, "speaker": 1.0}, num_speakers=1), two_rows()
    with pytest.raises(ValueError, match="num_speakers 1; leave it out"):
        model.loss(batch)
    batch.speaker = None
    with pytest.raises(ValueError, match="wants the numbers"):
        model.loss(batch)
    batch.target = None
    with pytest.raises(ValueError, match="learns from targets"):
        model.loss(batch)


def has_bfloat16_lstm() -> bool:
    """PyTorch 2.11 has none on processors without instructions for bfloat16, and says so at the first pass."""
    try:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            torch.nn.LSTM(8, 8)(torch.zeros(1, 1, 8))
    except RuntimeError as error:
        assert "LSTM forward propagation" in str(error)
        return False
    return True


@pytest.mark.parametrize("name", SYSTEMS)
def test_bfloat16_gives_the_loss_and_a_gradient_of_its_direction(name):
    """As the paper configs train on GPUs."""
    found, recurrent = [], any(
        isinstance(module, torch.nn.RNNBase) for module in nano_extractor(name).modules()
    )
    if recurrent and not has_bfloat16_lstm():
        pytest.skip("this processor has no bfloat16 for LSTMs")
    for precise in (True, False):
        # SNR: an untrained estimate is all but orthogonal to its target, where rounding moves the SI-SDR by decibels.
        model = Discriminative(nano_extractor(name).train(), DiscriminativeConfig({"snr": 1.0}))
        batch = make_batch([0.2, 0.15], [0.2, 0.15], None)
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            loss, _ = model.loss(batch)
        loss.backward()
        gradients = [weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]
        found.append((loss.item(), torch.cat(gradients)))
    (loss, gradient), (coarse_loss, coarse_gradient) = found
    assert coarse_loss == pytest.approx(loss, abs=0.1)  # dB
    assert coarse_gradient.isfinite().all()
    assert torch.cosine_similarity(gradient, coarse_gradient, dim=0) > 0.8


@torch.no_grad()
def test_silence_that_was_learned_is_not_turned_up():
    batch = make_batch([0.1], [0.1], None)

    def ratio(losses: dict, conf: DiscriminativeDecode) -> float:
        model = Discriminative(nano_extractor("bsrnn"), DiscriminativeConfig(losses=losses)).eval()
        own = model.extractor.separate

        def faint(*args, **kwargs):
            result = own(*args, **kwargs)
            result.waveform = 1e-3 * result.waveform / result.waveform.std() * batch.mixture.std()
            return result

        model.extractor.separate = faint
        return float(model.extract(batch, conf).waveform.norm() / batch.mixture.norm())

    silent = {"si_sdr": 1.0, "absent_energy": 0.1}
    assert ratio({"si_sdr": 1.0}, DiscriminativeDecode()) == pytest.approx(1.0, rel=1e-3)
    assert ratio(silent, DiscriminativeDecode()) < 0.01
    assert ratio(silent, DiscriminativeDecode(level="mixture_rms")) == pytest.approx(1.0, rel=1e-3)

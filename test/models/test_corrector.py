"""A corrector, with the system whose estimates it learns from and behind others."""

from dataclasses import dataclass, replace

import pytest
import torch
from nano_extractors import SYSTEMS

from espnet_tse.flow.latent_diffusion import LatentDiffusionConfig
from espnet_tse.flow.spectral_corrector import SpectralCorrector, SpectralCorrectorConfig
from espnet_tse.io.scp import DataError
from espnet_tse.layers.row_generator import row_generator
from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.models.abs_tse_model import AbsTSEModel
from espnet_tse.models.corrector import Corrector, CorrectorConfig, CorrectorDecode
from espnet_tse.models.flow_tse import FlowTSE
from espnet_tse.models.solo_speech import SoloSpeech
from espnet_tse.schema import DecodeConf, Estimate, TSEBatch
from espnet_tse.tasks.build import build_model

SIZES = SpectralCorrectorConfig(8, (1, 2), 1, None, n_fft=126, hop_length=32)


@dataclass(frozen=True)
class NoisyDecode(DecodeConf):
    """Settings of ``Noisy``."""

    max_chunk_s: float = 20.0
    spread: float = 0.1  # of the noise

    @property
    def draws(self) -> bool:
        return True


@dataclass(frozen=True)
class ShortDecode(NoisyDecode):
    """Settings of ``Short``."""

    max_chunk_s: float = 0.2
    overlap_s: float = 0.05


class Noisy(AbsTSEModel):
    """The mixture, and noise of its own for each row."""

    Decode = NoisyDecode
    sample_rate = 16000

    def __init__(self):
        super().__init__()
        self.gain, self.seen = torch.nn.Parameter(torch.tensor(0.5)), []

    def loss(self, batch):
        raise AssertionError("a system that is corrected is not trained")

    def estimate(self, batch, request):
        self.seen.append((request.keys, request.conf))
        rows = [
            torch.randn(length, generator=row_generator(key, request.conf.seed))
            for key, length in zip(request.keys, batch.mixture_lengths.tolist())
        ]
        noise = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        waveform = self.gain * batch.mixture + request.conf.spread * noise
        return Estimate(waveform, batch.mixture_lengths, 16000, num_function_evaluations=3)


class Short(Noisy):
    """Takes a fifth of a second."""

    Decode = ShortDecode


class Loudest(AbsSelector):
    """Prefers the candidate with the highest peak."""

    def scores(self, estimate, batch):
        return estimate.waveform.abs().amax(dim=1)


def new_corrector(**conf) -> Corrector:
    torch.manual_seed(0)
    model = Corrector(CorrectorConfig(**conf), SpectralCorrector(SIZES))
    model.keep_system("system", Noisy())
    return model


def batch() -> TSEBatch:
    generator = torch.Generator().manual_seed(0)
    target, other = torch.randn(2, 2, 2000, generator=generator)
    mixture = 0.1 * (target + other)
    mixture[1, 1500:] = 0.0
    return TSEBatch(
        *(
            mixture,
            torch.tensor([2000, 1500]),
            torch.randn(2, 1000, generator=generator),
            torch.tensor([1000, 800]),
        ),
        target=0.1 * target,
        sample_rate=16000,
        keys=["a", "b"],
    )


def test_it_learns_from_the_system_as_it_decodes():
    model = new_corrector(system={"spread": 0.3}).train()
    assert not model.frozen("system").training and not any(
        name.startswith("frozen") for name in model.state_dict()
    )
    first, again = model.first_estimates(batch()), model.first_estimates(batch())
    assert not torch.equal(first, again)  # other draws for every example
    assert model.frozen("system").seen[-1][1].spread == 0.3
    torch.testing.assert_close(first.square().mean(dim=1), batch().mixture.square().mean(dim=1))
    optimizer, losses = torch.optim.Adam(model.corrector.parameters(), lr=2e-3), []
    for _ in range(25):
        loss, _ = model.loss(batch())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < sum(losses[:5]) - 5.0
    assert model.frozen("system").gain.grad is None
    model.eval()
    loss, stats = model.loss(batch())
    assert set(stats) == {"loss_system"} and model.loss(batch())[0] == loss


def test_mixtures_and_targets_take_the_place_of_some_estimates():
    rows = batch().rows(torch.zeros(300, dtype=torch.int64))
    first = torch.full_like(rows.mixture, 5.0)
    exchanged = new_corrector(mixture_share=0.2, target_share=0.1).exchanged(first, rows)
    mixtures = (exchanged == rows.mixture).all(dim=1).sum()
    targets = (exchanged == rows.target).all(dim=1).sum()
    assert (
        40 < mixtures < 80
        and 15 < targets < 45
        and (exchanged == 5.0).all(dim=1).sum() == 300 - mixtures - targets
    )
    untouched = new_corrector(mixture_share=0.0, target_share=0.0).exchanged(first, rows)
    assert torch.equal(untouched, first)


def test_extraction_runs_the_system_then_corrects_it():
    model = new_corrector().eval()
    result = model.extract(batch(), CorrectorDecode(seed=3, system={"spread": 0.2}))
    assert result.num_function_evaluations == 4 and not result.waveform[1, 1500:].any()
    keys, conf = model.frozen("system").seen[-1]
    assert keys == ["a", "b"] and (conf.seed, conf.spread) == (3, 0.2)
    assert torch.equal(
        result.waveform, model.extract(batch(), CorrectorDecode(seed=3, system={"spread": 0.2})).waveform
    )
    alone = model.extract(batch().rows(torch.tensor([1])), CorrectorDecode(seed=3, system={"spread": 0.2}))
    torch.testing.assert_close(alone.waveform[0, :1500], result.waveform[1, :1500], atol=1e-4, rtol=1e-3)


def test_candidates_are_of_the_system_and_one_is_corrected(monkeypatch):
    model, corrected = new_corrector().eval(), []
    correct = model.corrector.correct
    monkeypatch.setattr(
        model.corrector, "correct", lambda *signals: corrected.append(len(signals[0])) or correct(*signals)
    )
    result = model.extract(batch(), CorrectorDecode(candidates=3), selector=Loudest())
    assert model.frozen("system").seen[-1][0] == ["a#0", "a#1", "a#2", "b#0", "b#1", "b#2"]
    assert corrected == [2] and len(result.diagnostics["selector_scores"]) == 2


def test_behind_another_system():
    corrector, other = new_corrector().eval(), Noisy()
    conf = NoisyDecode(corrector="exp/tse_corrector")
    result = other.extract(batch(), conf, corrector=corrector)
    plain = other.extract(batch(), NoisyDecode())
    assert result.num_function_evaluations == 4 and not torch.equal(result.waveform, plain.waveform)
    # The same as the corrector's own extraction with this system.
    torch.testing.assert_close(result.waveform, corrector.extract(batch(), CorrectorDecode()).waveform)
    with pytest.raises(ValueError, match="corrector: exp/tse_corrector, but none is given"):
        other.extract(batch(), conf)
    with pytest.raises(ValueError, match="corrector: None, but one is given"):
        other.extract(batch(), NoisyDecode(), corrector=corrector)


def test_chunks_are_those_of_the_system():
    model = new_corrector()
    conf = model.resolved(CorrectorDecode())
    assert (conf.max_chunk_s, conf.overlap_s) == (20.0, 1.0)
    conf = model.resolved(CorrectorDecode(max_chunk_s=8.0))
    assert (conf.max_chunk_s, conf.overlap_s) == (8.0, 1.0)
    with pytest.raises(DataError, match=r"overlap_s 1.0 must lie .*\(overlap_s of the system; give both\)"):
        model.resolved(CorrectorDecode(max_chunk_s=1.0))
    # Of a corrector behind a corrector those of the system behind both.
    outer = Corrector(CorrectorConfig(), SpectralCorrector(SIZES))
    outer.keep_system("system", model)
    assert outer.resolved(CorrectorDecode(overlap_s=2.0)).max_chunk_s == 20.0
    with pytest.raises(ValueError, match="max_chunk_s is 0.0, want seconds"):
        CorrectorDecode(max_chunk_s=0.0)


def test_it_is_trained_and_run_in_chunks_that_the_system_takes():
    model = Corrector(CorrectorConfig(), SpectralCorrector(SIZES))
    model.keep_system("system", Short())
    rows = replace(batch(), mixture=batch().mixture.repeat(1, 4), mixture_lengths=torch.tensor([8000, 6000]))
    longest = []
    estimate = model.frozen("system").estimate

    def seen(part, request):
        longest.append(part.mixture.size(1))
        return estimate(part, request)

    model.frozen("system").estimate = seen
    assert model.eval().first_estimates(rows).shape == (2, 8000)
    assert model.extract(replace(rows, target=None)).waveform.shape == (2, 8000)
    assert len(longest) == 4 and max(longest) == 3200  # each row in chunks, twice


def test_long_mixtures_are_corrected_chunk_by_chunk():
    corrector = new_corrector().eval()
    long = replace(
        batch(), mixture=batch().mixture.repeat(1, 4), mixture_lengths=torch.tensor([8000, 6000]), target=None
    )
    result = corrector.extract(long, CorrectorDecode(max_chunk_s=0.2, overlap_s=0.05))
    assert (
        result.waveform.shape == (2, 8000)
        and result.waveform.isfinite().all()
        and not result.waveform[1, 6000:].any()
    )


def test_what_is_refused():
    model = new_corrector(system={"steps": 3})
    with pytest.raises(DataError, match=r"system: unknown 'steps'.*settings of Noisy"):
        model.first_estimates(batch())
    with pytest.raises(DataError, match="learns from targets"):
        new_corrector().loss(replace(batch(), target=None))
    with pytest.raises(DataError, match="the frozen system is lacking"):
        Corrector(CorrectorConfig(), SpectralCorrector(SIZES)).first_estimates(batch())
    with pytest.raises(ValueError, match="of at most 1 together"):
        CorrectorConfig(mixture_share=0.6, target_share=0.6)
    slow = Corrector(CorrectorConfig(), SpectralCorrector(replace(SIZES, sample_rate=8000)))
    with pytest.raises(ValueError, match="the system works at 16000 Hz, this one at 8000 Hz"):
        slow.keep_system("system", Noisy())


def behind_discriminative(**conf) -> Corrector:
    """A corrector behind a discriminative system of this ``model_conf``."""
    extractor_conf, (speaker, speaker_conf) = SYSTEMS["td_speakerbeam"]
    torch.manual_seed(0)
    system = build_model(
        {
            "model": "discriminative",
            "model_conf": conf,
            "extractor": "td_speakerbeam",
            "extractor_conf": extractor_conf,
            "speaker_encoder": speaker,
            "speaker_encoder_conf": speaker_conf,
        }
    )
    model = Corrector(CorrectorConfig(), SpectralCorrector(SIZES)).eval()
    model.keep_system("system", system)
    return model


def test_what_settings_leave_to_the_system_is_the_same_in_training_and_extraction():
    model, passes = behind_discriminative(speeds=[1.0, 0.94, 1.06]), []
    extractor = model.frozen("system").extractor
    extractor.register_forward_pre_hook(lambda *_: passes.append(1))
    model.first_estimates(batch())
    assert len(passes) == 3
    model.extract(batch(), CorrectorDecode())
    assert len(passes) == 6
    model.extract(batch(), CorrectorDecode(system={"speeds": [1.0]}))
    assert len(passes) == 7


class Quiet(Noisy):
    """60 dB below the mixture, and silent where the enrollment is; it keeps its level, as systems with ``absent_energy``."""

    own_level = "none"

    def estimate(self, batch, request):
        return Estimate(
            1e-3 * batch.mixture * batch.enrollment.any(dim=1, keepdim=True), batch.mixture_lengths, 16000
        )


def test_the_level_of_a_system_that_has_its_own_is_kept():
    corrector, rows = new_corrector().eval(), batch()
    rows.enrollment[1] = 0.0
    corrector.keep_system("system", Quiet())
    results = [
        Quiet().extract(rows, NoisyDecode(corrector="exp/tse_corrector"), corrector=corrector),
        corrector.extract(rows, CorrectorDecode()),
    ]
    for result in results:
        torch.testing.assert_close(result.waveform[0].norm(), 1e-3 * rows.mixture[0].norm())
        assert not result.waveform[1].any() and not torch.allclose(
            result.waveform[0], 1e-3 * rows.mixture[0], atol=1e-5
        )
    loud = corrector.extract(rows, CorrectorDecode(level="mixture_rms")).waveform
    torch.testing.assert_close(loud[0].norm(), rows.mixture[0].norm(), atol=1e-3, rtol=1e-2)


def test_a_discriminative_system_is_corrected_too():
    model = behind_discriminative()
    assert model.extract(batch(), CorrectorDecode()).waveform.isfinite().all()
    with pytest.raises(DataError, match="candidates: 2 would all be the same"):
        model.extract(batch(), CorrectorDecode(candidates=2), selector=Loudest())


@pytest.mark.parametrize(
    "setting", [{"corrector": "exp/x"}, {"candidates": 4}, {"seed": 1}, {"max_chunk_s": 4.0}]
)
def test_settings_that_the_system_shares_are_refused_before_anything_is_opened(setting):
    for config in (CorrectorConfig, CorrectorDecode):
        with pytest.raises(ValueError, match=f"system: {next(iter(setting))} is not the system's alone"):
            config(system=setting)


def test_settings_of_the_system_are_checked_where_it_is_opened():
    model = new_corrector(system={"spread": "loud"})
    with pytest.raises(DataError, match="system: spread is 'loud', want a number"):
        model.check_systems(None)
    model.check_systems(CorrectorDecode(system={"spread": 0.2}))
    with pytest.raises(DataError, match=r"system: unknown 'sprad' \(did you mean 'spread'\?\)"):
        model.check_systems(CorrectorDecode(system={"sprad": 0.2}))


def test_settings_that_do_not_go_with_the_system():
    config = CorrectorConfig(system={"steps": 2000})
    with pytest.raises(DataError, match="system: steps: 2000 is more than the 1000 of training; take fewer"):
        Corrector.check_system(config, SoloSpeech, {"lm": LatentDiffusionConfig()})
    with pytest.raises(DataError, match="system: ratio: oracle reads the truth"):
        Corrector.check_system(CorrectorConfig(system={"ratio": "oracle"}), FlowTSE, {})

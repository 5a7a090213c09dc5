"""Best of N: candidates of one batch are those of single runs, and the selector keeps the best."""

from dataclasses import replace

import pytest
import torch
from factories import TableCodec, make_batch, nano_laura_tse

from espnet_tse.models.abs_selector import AbsSelector
from espnet_tse.models.best_of import best_of
from espnet_tse.models.laura_tse import LauraTSEDecode
from espnet_tse.models.speaker_selector import SpeakerSimilarity
from espnet_tse.schema import DecodeConf, Estimate, Request, TSEBatch


class Loudest(AbsSelector):
    """Remembers what it was given."""

    def __init__(self):
        self.seen = []

    def scores(self, estimate, batch):
        self.seen.append((estimate, batch))
        return estimate.waveform.square().sum(dim=1)


DRAWING = {"sampling": True, "top_k": 8, "seed": 3, "level": "none"}


@pytest.mark.parametrize("seconds, chunk", [([0.5, 0.3], 15.0), ([1.1, 0.3], 0.5)])
def test_candidates_are_those_of_single_runs_with_their_keys(seconds, chunk):
    model, selector = nano_laura_tse("rotary"), Loudest()
    batch = make_batch(seconds, [0.3, 0.4], model.codec)
    conf = LauraTSEDecode(**DRAWING, candidates=3, max_chunk_s=chunk, overlap_s=chunk / 4)
    model.extract(batch, conf, selector=selector)
    assert len(selector.seen) == (
        1 if chunk == 15.0 else 2
    )  # the row that is whole, and the chunks of the other
    single = replace(conf, candidates=1)
    for candidates, many, row in [(*seen, row) for seen in selector.seen for row in range(len(seen[1].keys))]:
        key = many.keys[row]
        assert key.endswith(f"#{row % 3}")
        alone = replace(many.rows(torch.tensor([row])), keys=[key])
        estimate = model.extract(alone, replace(single, max_chunk_s=15.0, overlap_s=1.0))
        length = int(many.mixture_lengths[row])
        codes, wanted = (
            value.prediction.streams["acoustic"].rows(torch.tensor([at]))
            for value, at in ((candidates, row), (estimate, 0))
        )
        assert torch.equal(codes.values[0, :, : codes.lengths[0]], wanted.values[0, :, : wanted.lengths[0]])
        torch.testing.assert_close(
            candidates.waveform[row, :length], estimate.waveform[0, :length], atol=1e-5, rtol=1e-4
        )


def test_a_candidate_that_is_not_finite_does_not_win():
    def estimate(batch, request):
        waveform = torch.ones(len(batch.keys), 100)
        waveform[batch.keys.index("a#1"), 7] = torch.inf
        return Estimate(waveform, batch.mixture_lengths, batch.sample_rate)

    batch = TSEBatch(torch.ones(1, 100), torch.tensor([100]), sample_rate=16000, keys=["a"])
    request = Request(batch.mixture_lengths, ["a"], LauraTSEDecode(**DRAWING, candidates=2))
    kept = best_of(estimate, Loudest())(batch, request)
    assert kept.waveform.isfinite().all() and kept.diagnostics["selector_scores"] == [[100.0, -torch.inf]]


def test_the_best_one_is_kept_with_all_that_belongs_to_it():
    model, selector = nano_laura_tse("rotary"), Loudest()
    batch = make_batch([0.5, 0.3], [0.3, 0.4], model.codec)
    kept = model.extract(batch, LauraTSEDecode(**DRAWING, candidates=4), selector=selector)
    ((candidates, _),) = selector.seen
    energy = candidates.waveform.square().sum(dim=1).view(2, 4)
    assert torch.tensor(kept.diagnostics["selector_scores"]).allclose(energy)
    for row, best in enumerate(energy.argmax(dim=1).tolist()):
        length = int(batch.mixture_lengths[row])
        assert torch.equal(kept.waveform[row, :length], candidates.waveform[4 * row + best, :length])
        codes = candidates.prediction.streams["acoustic"].values[4 * row + best]
        assert torch.equal(kept.prediction.streams["acoustic"].values[row], codes)


def test_candidates_want_something_that_differs_and_someone_to_choose():
    with pytest.raises(ValueError, match="candidates: 4 would all be the same"):
        LauraTSEDecode(candidates=4)
    with pytest.raises(ValueError, match="candidates: 2 would all be the same"):
        DecodeConf(candidates=2)
    with pytest.raises(ValueError, match="candidates is 0"):
        LauraTSEDecode(candidates=0)
    model = nano_laura_tse("rotary")
    with pytest.raises(ValueError, match="wants a selector"):
        model.extract(make_batch([0.5], [0.3], model.codec), LauraTSEDecode(sampling=True, candidates=2))


def test_speaker_similarity_prefers_the_enrolled_voice_whatever_its_batch_mates():
    selector = SpeakerSimilarity()  # the weights of Resemblyzer
    batch = make_batch([2.0, 1.7, 2.0], [2.0, 2.0, 1.5], TableCodec())
    batch.mixture[0, :32000] = batch.enrollment[0, :32000]  # an estimate that is the enrollment itself
    batch.mixture[1, :27200] = 0.1 * torch.sin(torch.arange(27200) * 0.05)
    estimate = Estimate(batch.mixture, batch.mixture_lengths, 16000)
    scores = selector.scores(estimate, batch)
    assert float(scores[0]) == pytest.approx(1.0, abs=1e-5) and float(scores[1]) < float(scores[0]) - 0.1
    # Enrolled by the speaker who is not wanted, the voice that is least like it is the best.
    torch.testing.assert_close(selector.scores(estimate, replace(batch, task="rtse")), -scores)
    for row in range(3):
        index = torch.tensor([row])
        alone = selector.scores(estimate.rows(index), batch.rows(index))
        torch.testing.assert_close(alone[0], scores[row], atol=1e-6, rtol=1e-6)
    batch.enrollment = None
    with pytest.raises(ValueError, match="wants an enrollment"):
        selector.scores(estimate, replace(batch, task="ss"))


def test_a_candidate_with_nan_never_wins():
    class Broken(Loudest):
        def scores(self, estimate, batch):
            return torch.tensor([0.1, torch.nan, 0.3])

    model = nano_laura_tse("rotary")
    batch, conf = make_batch([0.5], [0.3], model.codec), LauraTSEDecode(**DRAWING, candidates=3)
    kept = model.extract(batch, conf, selector=Broken())
    best = model.extract(replace(batch, keys=[f"{batch.keys[0]}#2"]), replace(conf, candidates=1))
    torch.testing.assert_close(kept.waveform, best.waveform, atol=1e-5, rtol=1e-4)

"""Who speaks when in a mixture."""

import numpy as np
import pytest

from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.mixing_conf import MixingConf
from espnet_tse.data.timeline import checked_histogram, draw_share, draw_turns
from espnet_tse.io.scp import DataError
from espnet_tse.schema.stream_spec import CodesSpec

RATE = 8000


def test_a_distribution_is_drawn_by_its_weights():
    histogram = checked_histogram("overlap", [[0, 0, 2], [0.5, 0.6, 6], [1, 1, 0]])
    assert histogram == ((0.0, 0.0, 0.25), (0.5, 0.6, 0.75))
    generator = np.random.default_rng(0)
    shares = [draw_share(histogram, generator) for _ in range(2000)]
    assert np.mean([share == 0 for share in shares]) == pytest.approx(0.25, abs=0.03)
    assert all(share == 0 or 0.5 <= share <= 0.6 for share in shares)
    # One range draws as numpy does, so that sets of a single range stay what they were.
    assert draw_share(checked_histogram("x", [0.2, 0.8]), np.random.default_rng(3)) == np.random.default_rng(
        3
    ).uniform(0.2, 0.8)


@pytest.mark.parametrize(
    "value", [0.5, [0.5], [0.5, 1.5], [0.6, 0.5], [[0, 1]], [[0, 1, -1]], [[0, 1, 0]], "ab", [], {"a": 1}]
)
def test_distributions_that_are_none(value):
    with pytest.raises(ValueError, match="overlap: "):
        checked_histogram("overlap", value)


@pytest.mark.parametrize("silence", [0.0, 0.3, 0.9])
def test_turns_hold_the_speech_and_leave_the_share_of_silence(silence):
    signal = np.random.default_rng(1).normal(size=RATE).astype(np.float32)
    counts = set()
    for seed in range(30):
        turns = draw_turns(signal, RATE, silence, 3, np.random.default_rng(seed))
        counts.add(len(turns.spans))
        said = len(signal) - round(silence * len(signal))
        assert turns.speech.sum() == said
        assert min(span.num_samples for span in turns.spans) >= min(said, 0.2 * RATE)
        assert sum(gap.num_samples for gap in turns.gaps) == len(signal) - said
        spread = turns.spread(signal)
        np.testing.assert_array_equal(spread[turns.speech], signal[:said])
        assert not spread[~turns.speech].any()
    assert counts == ({1} if silence == 0 else counts) and max(counts) <= 3


def test_a_turn_ends_in_a_pause_near_by():
    signal = np.ones(2 * RATE, dtype=np.float32)
    signal[7000:7200] = 0  # the only pause
    moved = 0
    for seed in range(40):
        (drawn,) = np.random.default_rng(seed).integers(1, 12000, size=1)  # as draw_turns begins
        first = draw_turns(signal, RATE, 0.25, 2, np.random.default_rng(seed)).spans[0]
        if abs(drawn - 7100) < 1900:
            assert 7000 <= first.num_samples < 7200
            moved += 1
        elif 1600 < first.num_samples < 10400:
            assert abs(drawn - first.num_samples) <= 2000
    assert 5 < moved < 35


def mixed(dirs, **conf) -> list[dict]:
    directory = dirs.source({"a": [9000, 9000], "b": [9000, 9000]})
    dataset = DynamicMixingDataset(directory, MixingConf(sir_db=(3, 3), **conf), crop_s=1.0)
    return [dataset.example(epoch, index) for epoch in range(6) for index in range(len(dataset))]


def power(signal: np.ndarray) -> float:
    return float(np.mean(signal.astype(float) ** 2))


def test_an_interferer_covers_its_share_of_the_speech_and_fills_the_pauses(dirs):
    for share, pauses in ((0.5, 0.0), (0.0, 1.0), (0.25, 1.0)):
        for example in mixed(dirs, silence=(0.4, 0.4), overlap=(share, share), pause_speech=pauses):
            speech = np.zeros(8000, dtype=bool)
            for span in example["turns"]:
                speech[span.start : span.end] = True
            assert speech.sum() == 4800 and not example["target"][~speech].any()
            other = example["mixture"] - example["target"]
            heard = other != 0
            assert heard[speech].sum() == pytest.approx(share * 4800, abs=10)
            assert heard[~speech].sum() == pytest.approx(pauses * 3200, abs=10)
            # The ratio is that of what both say, whatever the pauses.
            ratio = 10 * np.log10(power(example["target"][speech]) / power(other[heard]))
            assert ratio == pytest.approx(3, abs=0.05)


def test_a_mixture_without_its_target_is_never_empty(dirs):
    for silence in ((0.0, 0.0), (0.3, 0.3)):
        examples = mixed(dirs, target_absent=1.0, overlap=(0.0, 0.0), silence=silence, pause_speech=0.0)
        assert all(np.count_nonzero(example["mixture"]) > 7000 for example in examples)
    assert not any(e["mixture"].any() and e["target"].any() for e in examples)


def test_turns_of_an_absent_and_of_an_unbroken_target(dirs):
    assert all(example["turns"] == () for example in mixed(dirs, silence=(0.4, 0.4), target_absent=1.0))
    (span,) = mixed(dirs)[0]["turns"]
    assert (span.start, span.num_samples) == (0, 8000)


def test_pauses_are_not_for_codes(dirs):
    directory = dirs.source({"a": [9000, 9000], "b": [9000, 9000]})
    codes = {"acoustic": (directory / "codes.scp", CodesSpec(2, 16, 100))}
    with pytest.raises(DataError, match="silence moves the target's speech"):
        DynamicMixingDataset(directory, MixingConf(silence=(0.0, 0.5)), tokens=codes)

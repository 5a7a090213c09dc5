"""No way of damaging a set of outputs makes its row look better, unless the table says why."""

import numpy as np
import pytest
import soundfile

from espnet_tse.report.columns import MOS_COLUMNS, SAMPLE_COLUMNS
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.result.aggregate import aggregate
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.plan import make_plan
from espnet_tse.scoring.run.worker import UtteranceScorer
from test.scoring.conftest import RATE, harmonic_voice

KEYS = ("a", "b", "c")
DAMAGED = "a"  # the same for more of them would only take longer
HEADLINE = [column.name for column in (*MOS_COLUMNS, *SAMPLE_COLUMNS)]
HEADLINE += ["conf_rate", "conf_si_sdr", "fail_rate", "spk_resemblyzer", "spk_resemblyzer_enroll"]
# Networks that hear neither who speaks nor what was said, voices, and PESQ near its floor may be deceived by a
# damage, if the table says that something is odd; these may not.
FIRM = {"si_sdr", "si_sdr_i", "sdr", "sdr_i", "estoi", "fail_rate", "conf_si_sdr"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Lists, signals and one scorer with one cache for all sets."""
    folder = tmp_path_factory.mktemp("honesty")
    rng = np.random.default_rng(3)
    signals = {}
    for index, key in enumerate(KEYS):
        target = harmonic_voice(pitch=100.0 + 10 * index)
        interferer = np.roll(harmonic_voice(pitch=220.0 + 10 * index, tilt=0.5), 4000)
        signals[key] = {
            "ref": target,
            "intf": interferer,
            "mix": target + interferer,
            "enroll": np.roll(target, 9000)[:48000],
            "inf": target + 0.1 * interferer + 0.003 * rng.standard_normal(len(target)),
        }
    for role in ("ref", "intf", "mix", "enroll", "inf"):
        lines = []
        for key in KEYS:
            lines.append(f"{key} {write(folder / f'{role}_{key}.wav', signals[key][role])}\n")
        (folder / f"{role}.scp").write_text("".join(lines))
    options = ScoringOptions(
        folder / "inf.scp",
        folder / "out",
        **{f"{role}_scp": folder / f"{role}.scp" for role in ("ref", "mix", "enroll")},
        intf_scp=(folder / "intf.scp",),
        missing="penalize",
        metrics="-pdnsmos_ovrl",  # as blind as the other one, and as slow
    )
    plan = make_plan(options)
    scorer = UtteranceScorer(plan.worker)
    yield folder, signals, plan, scorer
    scorer.close()


def write(path, samples, rate=RATE):
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return str(path)


def score(world, entries):
    """Summary of a set of estimates: key -> path or None."""
    _, _, plan, scorer = world
    utterances = [Utterance(u.key, entries[u.key], u.ref, u.mix, u.enroll, u.intf) for u in plan.utterances]
    return aggregate(plan, {u.key: scorer.score(u) for u in utterances})


@pytest.fixture(scope="module")
def honest(world):
    return score(world, {u.key: u.inf for u in world[2].utterances})


def nan_in_the_middle(x):
    x = x.copy()
    x[len(x) // 2] = np.nan
    return x


# What becomes of the estimate, with the other signals of its utterance at hand.
SAMPLES = {
    "no samples": lambda s: s["inf"][:0],
    "NaN": lambda s: nan_in_the_middle(s["inf"]),
    "silence": lambda s: np.zeros(len(s["inf"])),
    "constant": lambda s: np.full(len(s["inf"]), 0.5),
    "offset": lambda s: s["inf"] + 0.3,
    "faint noise": lambda s: 10 ** (-69 / 20) * np.random.default_rng(0).standard_normal(len(s["inf"])),
    "gain of 0.01": lambda s: 0.01 * s["inf"],
    "gain of 0.0001": lambda s: 1e-4 * s["inf"],
    "truncated": lambda s: s["inf"][: int(2.3 * RATE)],
    "loop": lambda s: np.tile(s["inf"][:RATE], 5),
    "twice": lambda s: np.tile(s["inf"], 2),
    "clipped": lambda s: np.clip(20 * s["inf"], -1.0, 1.0),
    "late": lambda s: np.roll(s["inf"], 4800),
    "interferer": lambda s: s["intf"],
    "mixture": lambda s: s["mix"],
    "noise": lambda s: 0.1 * np.random.default_rng(0).standard_normal(len(s["inf"])),
    "reversed": lambda s: s["inf"][::-1],
}
ENTRIES = {
    "dropped": lambda own: own | {DAMAGED: None},
    "no audio": lambda own: own | {DAMAGED: __file__},
    "two swapped": lambda own: own | {"a": own["b"], "b": own["a"]},
    "shifted by one key": lambda own: dict(zip(KEYS, [*list(own.values())[1:], own["a"]])),
    "one for all": lambda own: dict.fromkeys(KEYS, own["a"]),
}


def check(honest, damaged):
    assert damaged.coverage["expected"] == len(KEYS)  # whatever is damaged, no utterance leaves the mean
    better = set()
    for name in HEADLINE:
        if name not in honest.metrics:
            continue
        before, after = honest.metrics[name], damaged.metrics[name]
        assert after["n"] == before["n"] == len(KEYS), name
        gain = after["mean"] - before["mean"]
        if (gain if METRICS[name].direction == "up" else -gain) > 1e-9:
            better.add(name)
    assert not better & FIRM
    assert not better or damaged.warnings, f"{better} are better and nothing is said"


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_samples(world, honest, name):
    folder, signals, plan, _ = world
    entries = {u.key: u.inf for u in plan.utterances}
    entries[DAMAGED] = write(folder / "damaged.wav", SAMPLES[name](signals[DAMAGED]))
    check(honest, score(world, entries))


def test_faint_noise_scores_below_the_mixtures_in_every_opinion(world):
    """The predictors themselves take noise at -69 dBFS for clean silence: OVRL 2.0."""
    folder, signals, plan, _ = world
    noise = 10 ** (-69 / 20) * np.random.default_rng(0).standard_normal(RATE * 5)
    faint = score(world, dict.fromkeys(KEYS, write(folder / "faint.wav", noise)))
    mixtures = score(world, {u.key: u.mix for u in plan.utterances})
    for name in ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808"):
        assert faint.metrics[name]["mean"] == 1.0 < mixtures.metrics[name]["mean"]
    assert faint.metrics["dnsmos_ovrl"]["n_penalized"] == 3


def test_wrong_rate_in_the_header(world, honest):
    folder, signals, plan, _ = world
    for rate in (8000, 32000):
        entries = {u.key: u.inf for u in plan.utterances}
        entries[DAMAGED] = write(folder / "rate.wav", signals[DAMAGED]["inf"], rate)
        damaged = score(world, entries)
        check(honest, damaged)
        assert any("shorter than 0.9 or longer than 1.1" in warning for warning in damaged.warnings)


@pytest.mark.parametrize("name", ENTRIES)
def test_damaged_lists(world, honest, name):
    own = {u.key: u.inf for u in world[2].utterances}
    damaged = score(world, ENTRIES[name](own))
    check(honest, damaged)
    if name == "one for all":
        assert "2 of 3 utterances: estimates that are copies of another utterance's" in damaged.warnings
    if name in ("dropped", "no audio"):
        assert (
            all(damaged.metrics[n]["marked"] for n in ("si_sdr", "dnsmos_ovrl")) and damaged.too_many_failures
        )


def test_an_honest_set_has_nothing_to_be_said(honest):
    assert honest.warnings == [] and honest.coverage["penalized"] == honest.coverage["excluded"] == 0


def test_oracle_outputs_are_flagged(world):
    damaged = score(world, {u.key: u.ref for u in world[2].utterances})
    assert "3 of 3 utterances: equal to their targets up to a gain" in damaged.warnings[0]


def test_estimates_that_are_the_mixtures_are_named_so(world):
    _, _, plan, _ = world
    summary = score(world, {u.key: u.mix for u in plan.utterances})
    assert "3 of 3 utterances: the estimates are the mixtures: nothing was extracted" in summary.warnings
    assert not any("improve SI-SDR by less" in warning for warning in summary.warnings)


def test_mixtures_that_are_their_own_targets_are_named_and_improve_nothing(world):
    """Not a mean improvement of estimate minus the 100 dB of a perfect mixture."""
    _, _, plan, scorer = world
    utterances = [Utterance(u.key, u.inf, u.ref, u.ref, u.enroll, u.intf) for u in plan.utterances]
    summary = aggregate(plan, {u.key: scorer.score(u) for u in utterances})
    for name in ("si_sdr_i", "sdr_i", "fail_rate"):
        assert (summary.metrics[name]["mean"], summary.metrics[name]["n_expected"]) == (None, 0)
    assert summary.metrics["si_sdr"]["mean"] > 15 and not summary.too_many_failures
    assert any(w.startswith("3 of 3 utterances: the mixture is its own target") for w in summary.warnings)


def test_wrong_speakers_and_failures_are_counted_apart(world):
    _, signals, plan, _ = world
    own = {u.key: u.inf for u in plan.utterances}
    summary = score(world, own | {"a": None, "b": plan.utterances[1].intf[0]})
    assert summary.metrics["conf_si_sdr"]["mean"] == pytest.approx(2 / 3)
    assert any(warning.startswith("33 % of the estimates are nearer") for warning in summary.warnings)
    assert not any(warning.startswith("67 % of the estimates are nearer") for warning in summary.warnings)

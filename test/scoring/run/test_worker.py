"""One utterance through the worker: the failure policy, and that a missing output never helps."""

import math
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from espnet_tse.scoring.measure.registry import METRICS, PAIRED
from espnet_tse.scoring.run.job import Utterance
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.plan import make_plan
from espnet_tse.scoring.run.presets import PRESETS
from espnet_tse.scoring.run.worker import UtteranceScorer

OFFLINE = tuple(name for name in PRESETS["offline"].metrics if METRICS[name].when != "absent")
CHEAP = "si_sdr,si_sdr_i,sdr,sdr_i,pesq,stoi,estoi,fail_rate,len_ratio,est_dbfs,clip_frac"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("audio")


@pytest.fixture(scope="module")
def audio(folder):
    """audio(name, samples) -> path of a float wav."""

    def write(name, samples):
        soundfile.write(folder / f"{name}.wav", samples, 16000, subtype="FLOAT")
        return str(folder / f"{name}.wav")

    return write


@pytest.fixture(scope="module")
def data(audio, speech, other_speech):
    """Paths of target, mixture, enrollment and interferer."""
    return {
        "ref": audio("ref", speech),
        "mix": audio("mix", speech + other_speech),
        "enroll": audio("enroll", speech[20000:60000]),
        "intf": (audio("intf", other_speech),),
    }


@pytest.fixture(scope="module")
def make_scorer(folder, data):
    """make_scorer(number of the cache, metrics="", **options) -> UtteranceScorer."""
    made = []

    def make(cache, metrics="", **changes):
        for name in ("ref", "mix", "enroll"):
            (folder / f"{name}.scp").write_text(f"u {data[name]}\n")
        (folder / "intf.scp").write_text(f"u {data['intf'][0]}\n")
        options = ScoringOptions(
            inf_scp=folder / "ref.scp",
            output_dir=folder / f"out{cache}",
            **{f"{name}_scp": folder / f"{name}.scp" for name in ("ref", "mix", "enroll")},
            intf_scp=(folder / "intf.scp",),
            metrics=metrics,
            **changes,
        )
        made.append(UtteranceScorer(make_plan(options).worker))
        return made[-1]

    yield make
    for scorer in made:
        scorer.close()


@pytest.fixture(scope="module")
def offline(make_scorer):
    """The whole preset."""
    return make_scorer("offline")


@pytest.fixture(scope="module")
def cheap(make_scorer):
    return make_scorer("cheap", CHEAP)


def score(scorer, data, inf, **changes):
    return scorer.score(replace(Utterance("u", inf, **data), **changes))


def test_a_record_names_the_data_by_their_samples(cheap, data):
    record = score(cheap, data, data["ref"], intf=(data["intf"][0], data["ref"]))
    other = score(cheap, data, data["ref"], enroll=data["mix"], intf=(data["ref"], data["intf"][0]))
    assert record.enrollment_sha1 != other.enrollment_sha1 == record.mixture_sha1
    assert len(record.interferer_sha1s) == 2 and record.interferer_sha1s == other.interferer_sha1s


def values(record):
    return {name: outcome.value for name, outcome in record.outcomes.items()}


@pytest.fixture(scope="module")
def outputs(offline, audio, data, speech, noise, noisy, other_speech):
    """Records of estimates from perfect to hopeless."""
    estimates = {
        "perfect": speech,
        "noisy": noisy,
        "late": np.concatenate([np.zeros(1600), speech[:-1600]]),
        "inverted": -speech,
        "interferer": other_speech,
        "noise": noise,
    }
    records = {name: score(offline, data, audio(name, x)) for name, x in estimates.items()}
    records["mixture"] = score(offline, data, data["mix"])
    return records


@pytest.fixture(scope="module")
def failures(offline, audio, data, folder, speech):
    """Records of estimates that are none."""
    broken = speech.copy()
    broken[100] = np.nan
    (folder / "garbage.wav").write_text("no audio")
    entries = {
        "missing": None,
        "unreadable": str(folder / "garbage.wav"),
        "absent": str(folder / "nothing.wav"),
        "empty": audio("empty", speech[:0]),
        "nan": audio("nan", broken),
        "silent": audio("silent", np.zeros(80000)),
        "constant": audio("constant", np.full(80000, 0.3)),
        "faint": audio("faint", 1e-5 * speech),
    }
    return {name: score(offline, data, entry) for name, entry in entries.items()}


def test_perfect_estimate_reaches_the_ceilings(outputs):
    scores = values(outputs["perfect"])
    for name, card in METRICS.items():
        if name in scores and card.ceiling is not None:
            assert scores[name] == pytest.approx(card.ceiling, abs=1e-3), name
    assert scores["fail_rate"] == 0.0 and scores["si_sdr_i"] > 90
    assert all(outcome.fault is None for outcome in outputs["perfect"].outcomes.values())


def test_every_metric_of_the_preset_has_an_outcome(outputs, failures):
    for record in [*outputs.values(), *failures.values()]:
        assert tuple(record.outcomes) == OFFLINE


def test_the_mixture_improves_nothing(outputs):
    scores = values(outputs["mixture"])
    assert scores["si_sdr_i"] == scores["sdr_i"] == 0.0 and scores["fail_rate"] == 1.0


def test_wrong_speaker_is_seen_by_speaker_metrics_only(outputs):
    wrong, mixture = values(outputs["interferer"]), values(outputs["mixture"])
    assert wrong["conf_rate"] == 1.0
    assert wrong["spk_resemblyzer"] < mixture["spk_resemblyzer"] < 1.0
    assert values(outputs["perfect"])["conf_rate"] == 0.0


def test_failed_estimates_get_every_penalty(failures, outputs):
    mixture = values(outputs["mixture"])
    for name, record in failures.items():
        for metric, outcome in record.outcomes.items():
            card = METRICS[metric]
            if card.direction == "none":
                continue
            assert outcome.penalised and outcome.fault.kind == "est", (name, metric)
            expected = card.penalty
            if metric in ("si_sdr_i", "sdr_i"):
                expected = -100.0 - mixture[metric.removesuffix("_i")]
            assert outcome.value == expected, (name, metric)


def test_a_missing_output_never_helps(failures, outputs):
    for metric in OFFLINE:
        direction = METRICS[metric].direction
        worst = {"up": min, "down": max}.get(direction)
        if worst is None:
            continue
        real = worst(record.outcomes[metric].value for record in outputs.values())
        for name, record in failures.items():
            assert worst(record.outcomes[metric].value, real) == record.outcomes[metric].value, (name, metric)


def test_reasons_name_the_fault(failures):
    reasons = {name: record.outcomes["pesq"].fault.reason for name, record in failures.items()}
    assert reasons["missing"] == "estimate: missing" and "cannot be read" in reasons["unreadable"]
    assert "zero length" in reasons["empty"] and "NaN" in reasons["nan"]
    assert (
        "silent" in reasons["silent"] and "silent" in reasons["constant"] and "silent (-1" in reasons["faint"]
    )


def test_diagnostics_of_failures(failures):
    assert failures["missing"].outcomes["len_ratio"].value == 0.0
    assert failures["missing"].outcomes["est_dbfs"].value is None
    assert failures["silent"].outcomes["len_ratio"].value == 1.0
    assert failures["silent"].outcomes["est_dbfs"].value == -200.0
    assert failures["nan"].outcomes["clip_frac"].value is None


def test_negative_estoi_is_raised_to_the_penalty(outputs):
    for name, record in outputs.items():
        assert record.outcomes["estoi"].value >= 0
        floored = "floored:estoi" in record.flags
        assert not floored or record.outcomes["estoi"].value == 0, name


def test_stump_of_a_tenth_of_a_second(offline, audio, data, speech):
    record = score(offline, data, audio("stump", speech[:1500]))
    for metric, outcome in record.outcomes.items():
        card = METRICS[metric]
        if card.direction != "none":
            assert outcome.penalised == card.natural_length, metric
    assert record.outcomes["si_sdr"].value > -100


def test_shorter_output_is_padded_not_forgiven(cheap, audio, data, speech):
    scores = values(score(cheap, data, audio("second", speech[:16000])))
    assert scores["pesq"] == pytest.approx(1.130, abs=5e-3)
    assert scores["estoi"] == pytest.approx(0.102, abs=5e-3)
    assert scores["len_ratio"] == 0.2


def test_codec_sized_length_differences(cheap, audio, data, speech):
    for extra in (1, 640):
        scores = values(score(cheap, data, audio(f"longer{extra}", np.append(speech, np.full(extra, 0.1)))))
        assert scores["pesq"] == pytest.approx(4.6439, abs=1e-3) and scores["si_sdr"] == 100.0
    scores = values(score(cheap, data, audio("shorter", speech[:-1])))
    assert scores["pesq"] == pytest.approx(4.6439, abs=1e-3)


def test_min_length_gives_the_ceiling_and_strict_refuses(make_scorer, audio, data, speech):
    entry = audio("second", speech[:16000])
    assert values(score(make_scorer("min", "pesq", length="min"), data, entry))["pesq"] > 4.6
    estoi = values(score(make_scorer("min_estoi", "estoi", length="min"), data, entry))["estoi"]
    assert estoi == pytest.approx(1.0)
    outcome = score(make_scorer("strict", "pesq", length="strict"), data, entry).outcomes["pesq"]
    assert outcome.penalised and "--length strict" in outcome.fault.reason
    # A stump is no fault of the data, even where it decides the length.
    stump = score(make_scorer("min", "pesq", length="min"), data, audio("stump", speech[:1500])).outcomes[
        "pesq"
    ]
    assert stump.penalised and stump.value == 1.0


def test_sound_after_the_targets_end_counts_as_silence(cheap, audio, data, speech):
    record = score(cheap, data, audio("after", np.concatenate([np.zeros(80000), speech])))
    for metric in PAIRED[:3]:
        assert record.outcomes[metric].penalised and "after fitting" in record.outcomes[metric].fault.reason


@pytest.mark.parametrize("estimate", ["perfect", None])
@pytest.mark.parametrize("fault", ["silent", "short", "absent"])
def test_bad_target_excludes_whatever_the_estimate_is(offline, audio, data, speech, estimate, fault):
    entry = {
        "silent": lambda: audio("silent_ref", np.zeros(80000)),
        "short": lambda: audio("short_ref", speech[:3200]),
        "absent": lambda: "/nowhere/ref.wav",
    }[fault]()
    inf = audio("perfect", speech) if estimate else None
    record = score(offline, data, inf, ref=entry)
    for metric, outcome in record.outcomes.items():
        card = METRICS[metric]
        if "ref" in card.inputs and card.direction != "none":
            assert outcome.excluded and outcome.fault.kind == "ref", metric
        elif card.direction != "none":
            assert not outcome.excluded, metric


@pytest.mark.parametrize("role", ["mix", "enroll", "intf"])
def test_bad_data_excludes_only_where_it_is_needed(offline, audio, data, speech, role):
    silent = audio("silent_data", np.zeros(16000))
    record = score(offline, data, audio("perfect", speech), **{role: (silent,) if role == "intf" else silent})
    for metric, outcome in record.outcomes.items():
        assert outcome.excluded == (role in METRICS[metric].inputs), metric


@pytest.mark.parametrize("failed", [False, True])
def test_little_speech_excludes_stoi_only(cheap, audio, data, speech, failed):
    short = audio("little_speech", speech[:6400])
    record = score(cheap, data, audio("no_speech", 0 * speech) if failed else short, ref=short)
    excluded = {name for name, outcome in record.outcomes.items() if outcome.excluded}
    assert excluded == {"stoi", "estoi"}


@pytest.mark.parametrize("failed", [False, True])
def test_long_target_excludes_pesq(cheap, audio, data, speech, failed):
    long = audio("long", np.tile(speech, 7))
    record = score(cheap, data, None if failed else long, ref=long)
    assert record.outcomes["pesq"].fault.kind == "pesq_long" and record.outcomes["pesq"].excluded
    assert record.outcomes["stoi"].value == pytest.approx(0.0 if failed else 1.0)


@pytest.mark.parametrize("failed", [False, True])
def test_what_the_data_do_not_allow_is_no_fault_of_an_estimate(
    make_scorer, folder, audio, data, speech, other_speech, failed
):
    (folder / "spoken").write_text("u 0-5\n")
    scorer = make_scorer("refused", "onset_loss,fail_rate", activity=folder / "spoken", length="strict")
    brief = np.pad(speech[:4800], (0, 75200))
    entry = audio("silent_est", 0 * brief) if failed else audio("brief_est", brief + 1e-3 * other_speech)
    longer = audio("longer_mix", np.append(brief + other_speech, 0.1))
    record = score(scorer, data, entry, ref=audio("brief", brief), mix=longer, activity=((0.0, 5.0),))
    for name, kind in {"fail_rate": "ref", "onset_loss": "ref", "pause_leak": "n/a"}.items():
        assert record.outcomes[name].value is None and record.outcomes[name].fault.kind == kind, name


def test_samples_beyond_full_scale(cheap, audio, data, speech):
    record = score(cheap, data, audio("loud", 4 * speech))
    assert "beyond_full_scale" in record.flags
    assert record.outcomes["si_sdr"].value == 100.0 and record.outcomes["clip_frac"].value > 0.01


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_absurd_numbers_are_a_fault_of_the_estimate(cheap, folder, data, speech):
    path = folder / "absurd.wav"
    soundfile.write(path, speech * 1e300, 16000, subtype="DOUBLE")
    record = score(cheap, data, str(path))
    assert all(math.isfinite(outcome.value) for outcome in record.outcomes.values())


def test_level_policy_changes_the_level_heard_not_the_diagnostic(make_scorer, audio, data, noisy):
    entry = audio("faint_noisy", 0.02 * noisy)
    plain = values(score(make_scorer("l0", "si_sdr,dnsmos_ovrl,est_dbfs"), data, entry))
    level = values(score(make_scorer("l1", "si_sdr,dnsmos_ovrl,est_dbfs", level="peak"), data, entry))
    assert plain["est_dbfs"] == level["est_dbfs"]
    assert plain["si_sdr"] == pytest.approx(level["si_sdr"], abs=1e-6)
    assert plain["dnsmos_ovrl"] != level["dnsmos_ovrl"]


def test_alignment_adds_columns_and_changes_none(make_scorer, cheap, audio, data, speech):
    late = audio("late160", np.roll(speech, 160))
    record = score(make_scorer("align", "si_sdr,stoi", align="xcorr"), data, late)
    assert record.lag_samples == 160
    plain = score(cheap, data, late).outcomes
    assert all(record.outcomes[name] == plain[name] for name in ("si_sdr", "stoi"))
    assert record.outcomes["si_sdr_al"].value > record.outcomes["si_sdr"].value + 20
    failed = score(make_scorer("align2", "si_sdr,stoi", align="xcorr"), data, None)
    assert failed.outcomes["stoi_al"] == failed.outcomes["stoi"] and failed.lag_samples is None


def test_what_has_another_rate_is_resampled_once(make_scorer, folder, audio, data, speech):
    """An estimate at 16 kHz of a target at 8 kHz keeps its upper band, which only its middle has here."""
    hiss = np.random.default_rng(0).standard_normal(80000) * (np.abs(np.arange(80000) - 40000) < 30000)
    estimate = speech + 0.1 * np.diff(hiss, prepend=0.0)
    entry = audio("hissing", estimate / np.abs(estimate).max())
    soundfile.write(folder / "slow_ref.wav", speech[::2], 8000, subtype="FLOAT")
    plain, level, aligned = (
        score(
            make_scorer(f"once{number}", "onset_loss", **options),
            data,
            entry,
            ref=str(folder / "slow_ref.wav"),
        )
        for number, options in enumerate([{}, {"level": "peak"}, {"align": "xcorr"}])
    )
    assert plain.outcomes["onset_loss"].value > 1
    assert level.outcomes["onset_loss"].value == pytest.approx(plain.outcomes["onset_loss"].value, abs=1e-3)
    assert aligned.lag_samples == 0
    assert aligned.outcomes["onset_loss_al"] == aligned.outcomes["onset_loss"]


def test_second_time_nothing_is_computed_and_values_are_the_same(make_scorer, audio, data, noisy):
    entry = audio("cached", noisy)
    first = make_scorer("again", CHEAP)
    record = score(first, data, entry)
    first.close()
    again = score(make_scorer("again", CHEAP), data, entry)
    assert record.computed > 0 and again.computed == 0
    assert again.outcomes == record.outcomes
    changed = noisy.copy()
    changed[7] += 1e-3
    assert score(make_scorer("again", CHEAP), data, audio("cached", changed)).computed == 5


def test_failures_are_remembered_too(make_scorer, audio, data, speech):
    short = audio("short_speech", speech[:4500])
    first = make_scorer("faults", "stoi")
    # stoi; si_sdr of estimate and mixture and the overlap, which describe every utterance.
    assert score(first, data, short, ref=short).computed == 4
    first.close()
    again = score(make_scorer("faults", "stoi"), data, short, ref=short)
    assert again.computed == 0 and again.outcomes["stoi"].fault.kind == "ref"


def test_the_mixture_and_target_side_go_to_the_shared_folder(make_scorer, folder, audio, data, noisy, speech):
    shared = folder / "shared"
    metrics = "si_sdr,si_sdr_i,spk_resemblyzer,conf_rate"
    one = make_scorer("one", metrics, cache_dir=shared)
    # si_sdr of estimate and mixture, the overlap, embeddings of estimate, target and interferer.
    assert score(one, data, audio("a", noisy)).computed == 6
    one.close()
    other = score(make_scorer("two", metrics, cache_dir=shared), data, audio("b", 0.5 * noisy + 0.1 * speech))
    assert other.computed == 2
    # The mixture itself as a system: all but its embedding is known already.
    assert score(make_scorer("three", metrics, cache_dir=shared), data, data["mix"]).computed == 1


def test_pocketsphinx_hears_no_silence(make_scorer, audio, data, speech):
    scorer = make_scorer("asr", "si_sdr", asr=("pocketsphinx",))
    record = score(scorer, data, audio("silent", np.zeros(16000)), ref=audio("word", speech[:12000]))
    assert set(record.texts["pocketsphinx"]) == {"target"} and "silent" in record.text_faults["estimate"]
    assert isinstance(record.texts["pocketsphinx"]["target"], str) and "target" not in record.text_faults
    bad = score(scorer, data, audio("word", speech[:12000]), ref=audio("silent_ref", np.zeros(16000)))
    assert "target" not in bad.texts["pocketsphinx"] and "silent" in bad.text_faults["target"]


def test_without_a_target_the_rest_is_scored(make_scorer, folder, audio, data, speech):
    scorer = make_scorer("real", "dnsmos_ovrl,spk_resemblyzer_enroll,clip_frac")
    record = score(scorer, data, audio("perfect", speech), ref=None)
    assert record.duration_ref is None
    assert record.outcomes["spk_resemblyzer_enroll"].value > 0.7


def test_wrong_speaker_by_si_sdr(outputs, make_scorer, audio, data, other_speech):
    assert values(outputs["interferer"])["conf_si_sdr"] == 1.0
    assert values(outputs["perfect"])["conf_si_sdr"] == values(outputs["noisy"])["conf_si_sdr"] == 0.0
    # The second of two interferers counts as well.
    second = make_scorer("second", "conf_si_sdr")
    intf = (data["ref"], audio("other", other_speech))
    assert values(score(second, data, audio("b", other_speech + 0.01), intf=intf))["conf_si_sdr"] == 1.0


def test_an_interferer_without_common_samples_is_far(make_scorer, audio, data, speech):
    scorer = make_scorer("apart", "conf_si_sdr")
    late = audio("late_intf", np.concatenate([np.zeros(60000), speech[:20000]]))
    half = audio("first_half", np.concatenate([speech[:40000], np.zeros(40000)]))
    record = score(scorer, data, half, intf=(late,))
    assert record.outcomes["conf_si_sdr"].value == 0.0


@pytest.mark.parametrize("length", ["ref", "min", "strict"])
def test_interferers_of_another_length_are_compared_on_the_targets(
    make_scorer, audio, data, speech, other_speech, length
):
    scorer = make_scorer(f"fitted_{length}", "conf_si_sdr", length=length)
    late, brief = np.concatenate([np.zeros(16000), speech[16000:]]), other_speech[:16000]
    # The estimate has nothing but the interferer where that speaks, and the target for four times as long.
    good = late + 0.05 * np.pad(brief, (0, 64000))
    record = score(
        scorer, data, audio("good", good), ref=audio("late_ref", late), intf=(audio("brief", brief),)
    )
    assert record.outcomes["conf_si_sdr"].value == 0.0
    longer = audio("longer_intf", np.append(other_speech, 0.0))
    swapped = score(scorer, data, audio("swapped", other_speech), intf=(longer,))
    assert swapped.outcomes["conf_si_sdr"].value == 1.0


def test_what_the_utterance_is_like(outputs, failures):
    for record in [*outputs.values(), *failures.values()]:
        assert record.input_sir_db == pytest.approx(6.2999, abs=1e-3) and record.overlap == 1.0
        assert (record.duration_mix, record.duration_enroll) == (5.0, 2.5)


def test_an_estimate_that_is_its_target_is_suspected(outputs, make_scorer, audio, data, speech):
    assert [name for name, record in outputs.items() if "equals_target" in record.flags] == [
        "perfect",
        "inverted",
    ]
    record = score(make_scorer("oracle", "clip_frac"), data, audio("scaled", 0.3 * speech))
    assert "equals_target" in record.flags  # whatever the metrics


def test_an_estimate_of_a_lower_rate_is_flagged(cheap, folder, data, speech):
    soundfile.write(folder / "slow.wav", speech[::2], 8000, subtype="FLOAT")
    assert "low_rate" in score(cheap, data, str(folder / "slow.wav")).flags


def test_real_time_factors_are_as_noted_whatever_the_estimate(make_scorer, folder, audio, data, noisy):
    (folder / "utt2rtf").write_text("u 0.5\n")
    scorer = make_scorer("rtf", "si_sdr", utt2rtf=folder / "utt2rtf")
    for entry in (audio("noted", noisy), None):
        assert score(scorer, data, entry, rtf=0.5).outcomes["rtf"].value == 0.5
    unknown = score(scorer, data, None).outcomes["rtf"]
    assert not unknown.applicable and not unknown.excluded


ABSENT = "si_sdr,absent_leak,absent_activity,est_dbfs,len_ratio"


@pytest.fixture(scope="module")
def absent_scorer(make_scorer):
    return make_scorer("absent", ABSENT, absent="silent")


@pytest.mark.parametrize(
    "estimate, leak, activity",
    [("silent", -100.0, 0.0), ("mixture", 0.0, 1.0), ("half", -6.02, 1.0), ("loud", 20.0, 1.0)],
)
def test_false_extraction(absent_scorer, audio, data, speech, other_speech, estimate, leak, activity):
    mixture = speech + other_speech
    samples = {"silent": 0 * mixture, "mixture": mixture, "half": 0.5 * mixture, "loud": 20 * mixture}[
        estimate
    ]
    record = score(
        absent_scorer, data, audio(f"absent_{estimate}", samples), ref=audio("nobody", 0 * mixture)
    )
    scores = values(record)
    assert scores["absent_leak"] == pytest.approx(leak, abs=0.01) and scores["absent_activity"] == activity
    assert record.target_absent and "target_absent" in record.flags
    for name in ("si_sdr", "len_ratio"):
        assert not record.outcomes[name].applicable and not record.outcomes[name].excluded
    assert record.outcomes["est_dbfs"].applicable


def test_no_level_is_given_to_an_output_that_should_be_silent(make_scorer, audio, data, speech):
    nobody, whisper = audio("nobody", 0 * speech), audio("whisper", 1e-3 * speech)
    records = [
        score(make_scorer(f"absent_{level}", ABSENT, absent="silent", level=level), data, whisper, ref=nobody)
        for level in ("none", "peak", "rms:-26")
    ]
    outcomes = [[record.outcomes[name] for name in ("absent_leak", "absent_activity")] for record in records]
    assert outcomes[0] == outcomes[1] == outcomes[2] and outcomes[0][0].value < -50


def test_absent_targets_with_broken_estimates_get_the_penalty(absent_scorer, audio, data):
    nobody = audio("nobody", np.zeros(80000))
    for entry in (None, "/nowhere.wav", audio("absent_nan", np.full(8000, np.nan))):
        record = score(absent_scorer, data, entry, ref=nobody)
        assert record.outcomes["absent_leak"].value == 20.0 and record.outcomes["absent_leak"].penalised
    present = score(absent_scorer, data, data["mix"])
    assert not present.outcomes["absent_leak"].applicable and present.outcomes["si_sdr"].value is not None


def test_a_listed_absent_target_must_be_silent(absent_scorer, audio, data):
    record = score(absent_scorer, data, data["mix"], target_absent=True)
    for name, outcome in record.outcomes.items():
        assert outcome.excluded and "its target is not silent" in outcome.fault.reason, name
    lost = score(absent_scorer, data, data["mix"], target_absent=True, ref="/nowhere.wav")
    assert "cannot be told: unreadable" in lost.outcomes["si_sdr"].fault.reason
    listed = score(absent_scorer, data, data["mix"], target_absent=True, ref=None)
    assert listed.outcomes["absent_leak"].value == 0.0


def test_values_beyond_the_worse_end_are_brought_to_it(make_scorer, audio, data, speech):
    scorer = make_scorer("edges", "onset_loss,offset_loss,over_suppression")
    cut = speech.copy()
    cut[:4000] = 0.0
    scores = values(score(scorer, data, audio("cut", cut)))
    assert scores["onset_loss"] == 60.0 and scores["offset_loss"] == pytest.approx(0.0, abs=0.01)
    assert 0.0 < scores["over_suppression"] < 0.2


@pytest.mark.parametrize("level_db, silent", [(-38, False), (-42, True)])
def test_an_output_far_below_the_target_counts_as_silent(cheap, audio, data, speech, level_db, silent):
    record = score(cheap, data, audio("quiet", 10 ** (level_db / 20) * speech))
    if not silent:
        assert record.estimate_fault is None and values(record)["si_sdr"] > 60
        return
    assert record.estimate_fault.startswith("nearly silent") and "--level peak" in record.estimate_fault
    assert values(record)["si_sdr"] == -100.0 and values(record)["pesq"] == 1.0


def test_without_a_target_the_mixture_gives_the_level(make_scorer, audio, data, speech):
    scorer, quiet = make_scorer("none", "est_dbfs"), audio("quieter", 0.005 * speech)
    assert "nearly silent" in score(scorer, data, quiet, ref=None).estimate_fault
    only_estimates = {"ref": None, "mix": None}
    entries = {name: entry for name, entry in data.items() if name not in only_estimates}
    assert score(scorer, entries, quiet).estimate_fault is None


def test_an_absent_target_allows_any_quiet_output(cheap, audio, data, speech):
    record = score(
        cheap, data, audio("hush", 0.01 * speech), ref=audio("zeros", 0 * speech), target_absent=True
    )
    assert record.estimate_fault is None


@pytest.mark.parametrize("level", ["peak", "rms:-26"])
def test_the_level_is_set_before_silence_is_judged(make_scorer, audio, data, speech, level):
    faint = audio("tiny", 1e-5 * speech)
    assert score(make_scorer("none", "si_sdr"), data, faint).estimate_fault.startswith("silent")
    record = score(make_scorer(level, "si_sdr,est_dbfs", level=level), data, faint)
    assert record.estimate_fault is None and values(record)["si_sdr"] > 60
    assert values(record)["est_dbfs"] < -100  # as it was given
    zeros = score(make_scorer(level, "si_sdr", level=level), data, audio("nil", 0 * speech))
    assert zeros.estimate_fault.startswith("silent (-inf")

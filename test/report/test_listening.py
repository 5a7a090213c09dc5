import io
import json

import numpy as np
import pytest
import soundfile

from espnet_tse.report.collect import collect_results, group_comparable
from espnet_tse.report.group_tables import build_groups
from espnet_tse.report.listening import (
    ScpCache,
    choose_utterances,
    encode_flac,
    load_clips,
    measures_speaker,
    ranking_metric,
    what_came_out,
)
from espnet_tse.report.listening_cards import collect_cards
from espnet_tse.scoring.result.scored_set import read_result


@pytest.fixture
def group(exp_dir):
    return group_comparable(collect_results(exp_dir))[0]


def test_ranking_is_by_the_voice_and_by_the_systems_alone(group):
    assert ranking_metric(group) == "spk_resemblyzer"
    choice = choose_utterances(group, 3)[0]
    assert choice.score == pytest.approx((0.8 + 0.9) / 2)


def test_worst_median_and_best_are_chosen(group):
    choices = [(choice.utt, choice.reason) for choice in choose_utterances(group, 6)]
    assert choices == [
        ("utt1", "worst"),
        ("utt2", "worst"),
        ("utt5", "median"),
        ("utt6", "median"),
        ("utt9", "best"),
        ("utt10", "best"),
    ]


def test_wrong_speakers_are_among_the_choices_but_not_all_of_them(exp_dir):
    scores = exp_dir / "tse_a" / "decode_test" / "scoring" / "scores.jsonl"
    rows = [json.loads(line) for line in scores.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["conf_rate"] = float(2 <= number <= 6)  # utt3 to utt7
    scores.write_text("".join(json.dumps(row) + "\n" for row in rows))
    group = group_comparable(collect_results(exp_dir))[0]
    choices = [(choice.utt, choice.reason) for choice in choose_utterances(group, 8)]
    assert choices[:2] == [("utt3", "wrong speaker"), ("utt4", "wrong speaker")]
    assert [reason for _, reason in choices[2:]] == ["worst"] * 2 + ["median"] * 2 + ["best"] * 2
    assert len({utt for utt, _ in choices}) == 8
    assert [choice.systems for choice in choose_utterances(group, 8)][1:3] == [("system2",), ()]


@pytest.mark.parametrize(
    "row, kind",
    [
        ({"conf_rate": 1.0}, "wrong speaker"),
        ({"conf_rate": 0.0, "conf_si_sdr": 1.0}, ""),  # the voice decides where it was compared
        ({"conf_rate": None, "conf_si_sdr": 1.0}, "wrong speaker"),
        ({"utt": "silent", "conf_rate": 1.0, "conf_si_sdr": 1.0}, "failed"),
        ({"utt": "silent", "conf_si_sdr": 1.0}, "wrong speaker"),  # this one was measured
        ({}, ""),
    ],
)
def test_a_failure_is_no_wrong_speaker(tmp_path, write_result, row, kind):
    path = write_result(tmp_path, "A")
    failed = "silent conf_rate est estimate: silent\nutt1 conf_rate ref no target\n"
    (path.parent / "failed").write_text(failed)
    assert what_came_out(read_result(path), {"utt": "utt1", **row}) == kind


def test_without_a_speaker_any_other_column_tells_of_a_failure(tmp_path, write_result):
    metrics = {"si_sdr": {"mean": 1.0}, "theirs": {"mean": 1.0, "external": "from a file"}}
    path = write_result(tmp_path, "A", metrics=metrics, wer={"wer_x": {"corpus": 1.0}})
    lines = [
        "utt1 si_sdr est silent",
        "utt2 theirs est no value",
        "utt3 wer_x est silent",
        "utt4 si_sdr ref silent",
    ]
    (path.parent / "failed").write_text("".join(f"{line}\n" for line in lines))
    kinds = [what_came_out(read_result(path), {"utt": f"utt{number}"}) for number in (1, 2, 3, 4)]
    assert kinds == ["failed", "", "failed", ""]


def test_what_was_not_measured_is_no_wrong_speaker_and_none_that_was_right(exp_dir):
    results = {result.system: result for result in collect_results(exp_dir)}
    assert not measures_speaker(results["mixture"]) and measures_speaker(results["system2"])


@pytest.mark.parametrize("count", range(0, 14))
def test_no_utterance_is_chosen_twice(group, count):
    utts = [choice.utt for choice in choose_utterances(group, count)]
    assert len(utts) == len(set(utts)) == min(count, 10)


def test_asked_utterances_come_first(group):
    choices = choose_utterances(group, 4, ("utt5", "unknown"))
    assert [(c.utt, c.reason) for c in choices][:2] == [("utt5", "asked for"), ("utt1", "worst")]
    assert len(choices) == 4


def test_clips_are_the_shared_signals_and_each_estimate_once(group):
    clips = load_clips(group, "utt3", ScpCache())
    assert [clip.label for clip in clips] == [
        "mixture",
        "enrollment",
        "target",
        "codec resynthesis",
        "system2",
        "system10",
    ]
    assert clips[0].scores["si_sdr"] == pytest.approx(-0.5 + 0.02)
    assert clips[4].scores["si_sdr"] == pytest.approx(8.02)
    assert all(clip.duration_s == pytest.approx(0.4) for clip in clips)


def test_flac_holds_the_samples_of_the_file(group):
    clip = load_clips(group, "utt3", ScpCache())[0]
    decoded, sample_rate = soundfile.read(io.BytesIO(clip.flac), dtype="float32")
    assert sample_rate == 16000
    np.testing.assert_allclose(decoded, clip.samples, atol=2 / 32768)


def test_samples_beyond_full_scale_do_not_wrap():
    decoded, _ = soundfile.read(io.BytesIO(encode_flac(np.array([1.5, -1.5, 0.0], np.float32), 8000)))
    np.testing.assert_allclose(decoded, [1, -1, 0], atol=1e-4)


def test_missing_audio_is_said_with_its_reason(group, exp_dir, tmp_path):
    broken, empty, absent = tmp_path / "broken.wav", tmp_path / "empty.wav", tmp_path / "absent.wav"
    broken.write_bytes(b"no audio")
    soundfile.write(empty, np.zeros(0), 16000)
    scp = exp_dir / "tse_a" / "decode_test" / "wav.scp"
    scp.write_text(f"utt1 {absent}\nutt2 {broken}\nutt4 {empty}\n")
    reasons = {utt: load_clips(group, utt, ScpCache())[4].missing for utt in ("utt1", "utt2", "utt3", "utt4")}
    assert "absent.wav" in reasons["utt1"]
    assert "broken.wav" in reasons["utt2"]
    assert "lacks the key 'utt3'" in reasons["utt3"]
    assert "empty.wav: holds no samples" in reasons["utt4"]


def test_dynamic_enrollment_is_no_file(group, tmp_path):
    scp = tmp_path / "enroll.scp"
    scp.write_text("utt1 *utt2 spk1\n")
    for result in group.results:
        result.meta["inputs"]["enroll_scp"] = str(scp)
    assert "not an audio file" in load_clips(group, "utt1", ScpCache())[1].missing


def test_estimates_of_a_folder_are_found_by_their_pattern(group, signals):
    result, path = group.results[2], signals["system2"]["utt3"]

    def clip_of(**meta):
        result.meta.update(meta)
        return load_clips(group, "utt3", ScpCache())[4]

    inputs = {"inf_dir": str(path.parents[1])}
    clip = clip_of(inputs=inputs, options={"inf_pattern": f"./{path.parent.name}/{{utt}}.wav"})
    assert clip.label == "system2" and clip.scores["utt"] == "utt3"
    np.testing.assert_array_equal(clip.samples, soundfile.read(path, dtype="float32")[0])
    assert "holds no file '{utt}.wav'" in clip_of(options={}).missing
    assert "does not name its list" in clip_of(inputs={}).missing


def test_the_channel_that_was_scored_is_heard(group, exp_dir, tmp_path):
    pair = np.stack([np.zeros(1600), np.full(1600, 0.5)], axis=1)
    soundfile.write(tmp_path / "pair.wav", pair, 16000)
    (exp_dir / "tse_a" / "decode_test" / "wav.scp").write_text(f"utt1 {tmp_path / 'pair.wav'}\n")
    for channel, level in ((0, 0.0), (1, 0.5)):
        for result in group.results:
            result.meta["options"] = {"ref_channel": channel}
        target, *_, system2, _ = load_clips(group, "utt1", ScpCache())[2:]
        assert target.duration_s > 0 and (system2.samples == level).all()
    group.results[2].meta["options"] = {"ref_channel": 2}
    assert "has 2 channels, channel 2" in load_clips(group, "utt1", ScpCache())[4].missing


def test_names_in_other_case_are_other_systems(exp_dir, write_result):
    write_result(exp_dir / "other" / "decode", "SYSTEM2", scores={"si_sdr": 1.0})
    (group,) = group_comparable(collect_results(exp_dir))
    clips = {clip.label: clip for clip in load_clips(group, "utt1", ScpCache())}
    assert clips["SYSTEM2"].scores["si_sdr"] == 1.0 and clips["system2"].scores["si_sdr"] == 8.0


def test_unknown_utterances_that_were_asked_for_are_named(exp_dir, caplog):
    groups = build_groups(collect_results(exp_dir))
    collect_cards(groups, 1, 40.0, ("utt5", "utt55"))
    assert "no scores of the utterances asked for: utt55" in caplog.messages


def test_an_utterance_that_no_page_has_room_for_does_not_fill_it(exp_dir, signals):
    long = np.random.default_rng(0).uniform(-0.5, 0.5, 16000 * 8)
    soundfile.write(exp_dir.parent / "long.wav", long, 16000, subtype="PCM_16")
    scp = exp_dir / "tse_a" / "decode_test" / "wav.scp"
    scp.write_text(scp.read_text().replace(str(signals["system2"]["utt1"]), str(exp_dir.parent / "long.wav")))
    listening = collect_cards(build_groups(collect_results(exp_dir)), 3, 0.3, ("utt1", "utt2"))
    assert list(listening.cards[0])[:1] == ["utt2"] and listening.num_left_out == 1


def test_absent_scp_is_named(group):
    for result in group.results:
        result.meta["inputs"]["ref_scp"] = "absent/spk1.scp"
    assert "absent/spk1.scp: no such file" in load_clips(group, "utt1", ScpCache())[2].missing


def test_texts_of_the_target_are_those_of_the_recogniser(group):
    row = next(row for row in group.results[2].utterances if row["utt"] == "utt1")
    row |= {"hyp_whisper": "b", "ref_dwer_whisper": "a b"}
    clips = {clip.label: clip for clip in load_clips(group, "utt1", ScpCache())}
    assert clips["target"].scores == {"hyp_whisper": "a b"}
    assert clips["system2"].scores["hyp_whisper"] == "b"

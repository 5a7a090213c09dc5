from dataclasses import replace

import numpy as np
import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.plan import make_plan
from espnet_tse.scoring.run.versa_export import export_versa

TONE = 0.1 * np.sin(np.arange(16000) / 5)


@pytest.fixture
def options(tmp_path, write_set):
    """u1 and u2 with the target, u3 without."""
    scps = {name: write_set(name, dict.fromkeys(("u1", "u2", "u3"), TONE)) for name in ("inf", "mix")}
    others = {name: write_set(name, dict.fromkeys(("u1", "u2"), TONE)) for name in ("ref", "intf")}
    (tmp_path / "absent").write_text("u3 whatever stands here\n")
    return ScoringOptions(
        scps["inf"],
        tmp_path / "out",
        ref_scp=others["ref"],
        mix_scp=scps["mix"],
        intf_scp=(others["intf"],),
        absent=str(tmp_path / "absent"),
    )


def test_a_folder_of_estimates(options, tmp_path):
    plan = make_plan(replace(options, inf_scp=None, inf_dir=tmp_path / "inf"))
    assert [u.inf for u in plan.utterances] == [str(tmp_path / "inf" / f"u{i}.wav") for i in (1, 2, 3)]
    (tmp_path / "inf" / "u2.wav").unlink()
    with pytest.raises(DataError, match="inf: lacks 1 of 3 keys of .*: u2"):
        make_plan(replace(options, inf_scp=None, inf_dir=tmp_path / "inf"))
    with pytest.raises(DataError, match="--inf_scp or --inf_dir"):
        make_plan(replace(options, inf_dir=tmp_path / "inf"))


def test_absent_targets_need_no_target_and_no_interferer(options):
    plan = make_plan(options)
    assert [(u.key, u.target_absent, u.ref is None) for u in plan.utterances] == [
        ("u1", False, False),
        ("u2", False, False),
        ("u3", True, True),
    ]
    assert {"absent_leak", "absent_activity"} <= set(plan.worker.metrics) and not plan.worker.silent_is_absent
    assert make_plan(replace(options, absent="silent")).worker.silent_is_absent


def test_silent_targets_need_neither_interferer_nor_words(options, tmp_path, write_set):
    silence = write_set("silence", {"u3": 0 * TONE}).read_text()
    options.ref_scp.write_text(options.ref_scp.read_text() + silence)
    text = tmp_path / "text"
    text.write_text("u1 one\nu2 two\n")
    known = replace(options, absent="silent", text=text, intf_text=(text,), asr=(f"external:{text},{text}",))
    plan = make_plan(known)
    assert plan.utterances[2].intf == () and plan.interferer_text == {"u1": "one", "u2": "two"}
    text.write_text("u1 one\n")
    with pytest.raises(DataError, match="text: lacks 1 of 3 keys: u2"):
        make_plan(known)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"mix_scp": None}, "--absent: .* give --mix_scp"),
        ({"absent": "silent", "ref_scp": None, "intf_scp": ()}, "give --ref_scp, or a list"),
        ({"absent": "/nowhere"}, "/nowhere: no such file"),
        ({"absent": "", "metrics": "absent_leak"}, "absent_leak was asked for by name but needs --absent"),
        ({"candidates": 0}, "--candidates 0"),
        ({"shard": "3/2"}, "--shard '3/2': want J/N"),
        ({"shard": "²/²"}, "--shard '²/²': want J/N"),
        ({"shard": "1/2", "resume": False}, "--resume false: .* remove .*out/.cache before the first part"),
        ({"shard": "2"}, "--shard '2': want J/N"),
        ({"spk2gender": "g"}, "--spk2gender: needs --utt2spk"),
        ({"intf_text": ("t",)}, "--intf_text: word leakage needs --text"),
        ({"external": ("mos=x",)}, "x: no such file"),
    ],
)
def test_bad_options(options, change, message):
    with pytest.raises(DataError, match=message):
        make_plan(replace(options, **change))


def test_texts_without_a_recogniser_are_no_fault(options, tmp_path, caplog):
    (tmp_path / "text").write_text("u1 one\nu2 two\nu3 three\n")
    caplog.set_level("INFO")
    make_plan(replace(options, text=tmp_path / "text", intf_text=(tmp_path / "text",)))
    assert "n/a: wer" in caplog.text


def test_a_wrong_rate_in_the_header_is_said_before_scoring(options, write_set, caplog):
    listed = options.inf_scp.read_text()
    for signal, wrong in ((TONE[::2], False), (TONE, True)):
        write_set("inf", {"u2": signal}, rate=8000)
        options.inf_scp.write_text(listed)
        caplog.clear()
        make_plan(options)
        assert ("sample rate" in caplog.text) == wrong
    said = "1 of 3 estimates seem to have a wrong sample rate in their header, first 'u2' ("
    assert said in caplog.text and "u2.wav) says 8000 Hz, the data have 16000 Hz" in caplog.text


def test_a_file_of_scores_with_other_keys(options, tmp_path):
    (tmp_path / "mos").write_text("v1 3\n")
    with pytest.raises(
        DataError, match="none of the 3 utterances; its keys are v1, those to score u1, u2, u3"
    ):
        make_plan(replace(options, external=(f"mos={tmp_path / 'mos'}",)))


def test_an_unknown_key_is_a_fault_of_the_list_of_absent_targets(options, tmp_path):
    (tmp_path / "absent").write_text("u3\nu9\n")
    with pytest.raises(DataError, match="absent: 1 of its 2 keys are in no other list: u9; fix this list"):
        make_plan(replace(options, missing="penalize"))


def test_an_empty_list_of_absent_targets(options, tmp_path):
    (tmp_path / "absent").write_text("\n")
    with pytest.raises(DataError, match="holds no key"):
        make_plan(options)


def test_genders_and_texts_of_interferers(options, tmp_path):
    files = {
        "utt2spk": "u1 a\nu2 b\nu3 b\n",
        "interferer": "u1 b\nu2 a\n",
        "interferer3": "u1 c\n",
        "genders": "a F\nb m\nc f\n",
        "text": "u1 one\nu2 two\n",
        "text2": "u1 three\nu2 four\nu3 five\n",
        "text3": "u1 six\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    paths = {name: tmp_path / name for name in files}
    known = replace(
        options,
        utt2spk=paths["utt2spk"],
        intf_utt2spk=(paths["interferer"], paths["interferer3"]),
        spk2gender=paths["genders"],
        text=paths["text"],
        asr=(f"external:{paths['text']}",),
        intf_text=(paths["text2"], paths["text3"]),
    )
    plan = make_plan(known)
    assert plan.genders == {"u1": "f with f+m", "u2": "m with f"}
    assert plan.interferer_text == {"u1": "three six", "u2": "four", "u3": "five"}
    with pytest.raises(DataError, match="--intf_text: lacks 1 of 3 keys: u2"):
        make_plan(replace(known, intf_text=(paths["text3"],)))
    paths["genders"].write_text("a f\n")
    with pytest.raises(DataError, match="lacks the speaker.* b, c of utterance 'u1'"):
        make_plan(known)


@pytest.mark.parametrize("missing", ["error", "penalize"])
def test_lists_without_a_common_key_show_one_of_each(options, write_set, missing):
    inf = write_set("other", {"u1_est": TONE, "u2_est": TONE})
    with pytest.raises(
        DataError, match="no key is in .*ref.scp: 'u1_est' is one here, 'u1' is one there"
    ) as error:
        make_plan(replace(options, inf_scp=inf, missing=missing))
    assert "penalize" not in str(error.value)


def test_files_without_a_common_key_lead_to_their_pattern(options, tmp_path):
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "u1_est.wav").touch()
    with pytest.raises(DataError, match=r"say by --inf_pattern .* \(now '\{utt\}.wav'"):
        make_plan(replace(options, inf_scp=None, inf_dir=tmp_path / "wavs"))


def test_a_folder_is_no_list_of_estimates(options, tmp_path):
    with pytest.raises(DataError, match="is a folder; give a folder of estimates as --inf_dir"):
        make_plan(replace(options, inf_scp=tmp_path))
    with pytest.raises(DataError, match="is a folder, not a list"):
        make_plan(replace(options, ref_scp=tmp_path))


def test_lists_for_versa(options, tmp_path, write_set):
    (tmp_path / "text").write_text("u1 one two\nu2 three\n")
    options.inf_scp.write_text(
        "".join(options.inf_scp.read_text().splitlines(keepends=True)[::2])
    )  # without u2
    plan = make_plan(replace(options, missing="penalize", text=tmp_path / "text"))
    command = export_versa(plan, tmp_path / "versa")
    lists = {path.name: path.read_text().split()[::2] for path in (tmp_path / "versa").glob("*.scp")}
    assert lists == {"pred.scp": ["u1"], "gt.scp": ["u1"]}
    assert (tmp_path / "versa" / "text").read_text() == "u1 one two\n"
    assert command.startswith(
        "python <VERSA>/versa/bin/scorer.py --score_config <VERSA>/egs/speech.yaml --pred"
    )
    assert "--text" in command
    silence = write_set("silence", {"u3": 0 * TONE}).read_text()
    options.ref_scp.write_text(options.ref_scp.read_text() + silence)
    silent = replace(options, missing="penalize", absent="silent", intf_scp=())
    export_versa(make_plan(silent), tmp_path / "versa")
    assert (tmp_path / "versa" / "pred.scp").read_text().split()[::2] == ["u1"]

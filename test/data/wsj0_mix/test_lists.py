"""Rows of WSJ0's mixtures: whose target, enrolled by what, and what the set says of itself."""

import json
import re
import shutil

import pytest
from wsj0_mix_stand_in import MIXTURES, UTTERANCES

from espnet_tse.bin import prepare_wsj0_mix
from espnet_tse.data.validation import validate_dir
from espnet_tse.data.validation_audio import AudioLimits
from espnet_tse.data.wsj0 import find_wsj0_utterances
from espnet_tse.data.wsj0_mix.layout import Wsj0MixSet
from espnet_tse.data.wsj0_mix.lists import Protocol, held_out_set, training_set
from espnet_tse.data.wsj0_mix.mixtures import parse_name
from espnet_tse.io.scp import DataError, read_scp


def prepare(corpora, folder, *words, corpus="wsj0_2mix", name="tt"):
    options = {
        "corpus": corpus,
        "mixtures": corpora / corpus,
        "wsj0": corpora,
        "set": name,
        "published_counts": "false",
        "output_dir": folder,
    }
    return prepare_wsj0_mix.main(
        [word for key, value in options.items() for word in (f"--{key}", str(value))] + [*words]
    )


def test_rows_are_valid_and_say_what_they_are(wsj0_corpora, tmp_path):
    assert prepare(wsj0_corpora, tmp_path / "tr", "--training", name="tr") == 0
    pool = json.loads((tmp_path / "tr/spk2enroll.json").read_text())
    assert {len(own) for own in pool.values()} == {len(UTTERANCES)}
    for name in ("cv", "tt"):
        assert prepare(wsj0_corpora, tmp_path / name, name=name) == 0
        assert len(read_scp(tmp_path / name / "wav.scp")) == 2 * MIXTURES[name]
    for name in ("tr", "cv", "tt"):
        report = validate_dir(tmp_path / name, AudioLimits(), None if name == "tr" else tmp_path / "tr")
        # The enrollments are WSJ0's, at 16 kHz until stage 2.
        wrong = [check.name for check in report.checks if check.status == "error"]
        assert wrong == ["sample rate"], report.render()
        assert report["mixture = sum of its sources"].status == "ok"
        # The corpus is made so: no error in cv, and none there to be found in tt.
        if name != "tr":
            assert report["no speaker of train"].status == {"cv": "warning", "tt": "ok"}[name]
    assert (
        "list: WSJ0-2mix tt, speakers 1 2, our enrollments, unpublished mixtures\n"
        in (tmp_path / "tt/protocol").read_text()
    )


@pytest.mark.parametrize("place", [".", "wsj0_2mix", "wsj0"])
@pytest.mark.parametrize("words", [(), ("--training",)])
def test_no_corpus_is_replaced(own_corpora, capsys, place, words):
    before = sorted(own_corpora.rglob("*"))
    assert prepare(own_corpora, own_corpora / place, *words, name="tr" if words else "tt") == 1
    assert "would be replaced as a whole, but is, or holds, what is read" in capsys.readouterr().err
    assert sorted(own_corpora.rglob("*")) == before


def test_own_enrollments_are_of_another_session(wsj0_corpora, tmp_path):
    assert prepare(wsj0_corpora, tmp_path / "tt") == 0
    targets, enrollments = read_scp(tmp_path / "tt/spk1.scp"), read_scp(tmp_path / "tt/enroll_spk1.scp")
    speakers = read_scp(tmp_path / "tt/utt2spk")
    for key, enrollment in enrollments.items():
        mixture_id, _, number = key.partition("#spk")
        target, enrolled = mixture_id.split("_")[2 * int(number) - 2], enrollment.split("/")[-1][:8]
        assert enrolled[:3] == target[:3] == speakers[key] and enrolled[4:6] != target[4:6]
        assert f"/s{number}/" in targets[key]


@pytest.mark.parametrize("prepare_set", [held_out_set, training_set])
def test_a_published_list_does_not_depend_on_what_else_is_there(own_corpora, prepare_set):
    """Utterances that no mixture names may be there or not; those that one names have to be."""
    mixed = UTTERANCES[:3]
    names = [f"050{rest}_1_22g{rest}_-1" for rest in mixed] + [f"440{rest}_1_441{rest}_-1" for rest in mixed]
    mixtures = [parse_name(name, own_corpora) for name in names]
    target = Wsj0MixSet("wsj0_2mix", own_corpora, "tt", 8000, "min")
    protocol = Protocol("own", (1, 2), "clean", own_corpora / "wsj0")
    whole = prepare_set(target, mixtures, protocol)
    assert whole.description["list"] == "WSJ0-2mix tt, speakers 1 2, our enrollments"
    for path in protocol.wsj0.glob(f"*/*/*{UTTERANCES[3]}.wav"):
        path.unlink()
    assert prepare_set(target, mixtures, protocol) == whole
    (protocol.wsj0 / "si_et_05/440/440c0201.wav").unlink()
    message = "lacks 1 of the 12 utterances that are mixed in tt, first '440c0201'.*--enrollment spex"
    with pytest.raises(DataError, match=message):
        prepare_set(target, mixtures, protocol)


def test_spex_names_an_utterance_by_its_key(wsj0_corpora, tmp_path, capsys):
    words = ["--enrollment", "spex", "--enrollment_lists", str(wsj0_corpora / "spex")]
    for name in ("tr", "cv", "tt"):
        training = ["--training"] if name == "tr" else []
        assert prepare(wsj0_corpora, tmp_path / name, *words, *training, name=name) == 0
        enrolled = read_scp(tmp_path / name / "enroll_spk1.scp")
        speakers = read_scp(tmp_path / name / "utt2spk")
        assert all(path.endswith(f"{speakers[key]}{UTTERANCES[3]}.wav") for key, path in enrolled.items())
    lists = shutil.copytree(wsj0_corpora / "spex", tmp_path / "spex")
    path = lists / "data/wsj0_2mix/tt/aux.scp"
    lines = path.read_text().splitlines(keepends=True)
    for changed, message in (
        (lines[1:], "aux.scp: has no line for mixture"),
        ([], "aux.scp: is empty; fetch it again"),
        ([lines[0].replace("0302 ", "0399 "), *lines[1:]], "o0399' enrolls .* is not in WSJ0"),
        (None, "holds no tt/aux.scp; ENROLLMENT_LISTS names a clone of"),
    ):
        path.unlink() if changed is None else path.write_text("".join(changed))
        words[-1] = str(lists)
        assert prepare(wsj0_corpora, tmp_path / "no", *words) == 1
        assert re.search(message, capsys.readouterr().err) and not (tmp_path / "no").exists()
    assert prepare(wsj0_corpora, tmp_path / "no", *words[:2]) == 1
    assert "ENROLLMENT_LISTS names its folder" in capsys.readouterr().err


def test_whamr_extracts_what_is_asked_for(wsj0_corpora, tmp_path):
    for target, room in (("anechoic", "reverb"), ("reverb", "reverb"), ("anechoic", "anechoic")):
        folder = tmp_path / f"{target}-{room}"
        words = ["--kind", "both", "--room", room, "--target", target]
        assert prepare(wsj0_corpora, folder, *words, corpus="whamr") == 0
        assert all(f"/mix_both_{room}/" in path for path in read_scp(folder / "wav.scp").values())
        assert all(f"_{target}/" in path for path in read_scp(folder / "spk1.scp").values())
        names = [check.name for check in validate_dir(folder).checks if check.status == "error"]
        # Dry sources of a reverberant mixture do not add up to it, and are not asked to.
        assert names == ["sample rate"]
        added = [
            check.status
            for check in validate_dir(folder).checks
            if check.name == "mixture = sum of its sources"
        ]
        assert added == ([] if target != room else ["ok"])
        assert f"room: {room}\ntarget: {target}\n" in (folder / "protocol").read_text()


def test_kinds_and_targets_that_there_are_not(wsj0_corpora, tmp_path, capsys):
    for words, corpus, message in (
        (["--kind", "both"], "wsj0_2mix", "WSJ0-2mix has the kinds clean, not 'both'"),
        (["--targets", "3"], "wham", "--targets wants numbers from 1 to 2"),
        (["--kind", "single", "--targets", "2"], "wham", "kind single has the first speaker only"),
        (
            ["--room", "anechoic", "--target", "reverb"],
            "whamr",
            "an anechoic mixture has no reverberant target",
        ),
    ):
        with pytest.raises(SystemExit) as ended:
            prepare(wsj0_corpora, tmp_path / "no", *words, corpus=corpus)
        assert ended.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_wsj0_has_to_be_whole_and_converted(own_corpora, tmp_path, capsys):
    root = own_corpora / "wsj0"
    (root / "si_et_05/440/440c0201.wav").rename(root / "si_et_05/440/440.wav")
    with pytest.raises(DataError, match="440.wav: is not named <speaker><type><session><number>.wav"):
        find_wsj0_utterances(root, ["si_et_05"])
    for path in (root / "si_et_05").glob("*/*.wav"):
        path.rename(path.with_suffix(".wv1"))
    with pytest.raises(DataError, match="its SPHERE files have to be converted"):
        find_wsj0_utterances(root, ["si_et_05"])
    shutil.rmtree(root / "si_et_05")
    assert prepare(own_corpora, tmp_path / "no") == 1
    assert "WSJ0 names the folder that holds si_dt_05 and si_et_05 (LDC93S6A)" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
    for number, rest in enumerate(UTTERANCES):
        if number:
            (root / f"si_tr_s/01a/01a{rest}.wav").unlink()
    assert prepare(own_corpora, tmp_path / "no", "--training", name="tr") == 1
    assert "has 1 utterance(s) of speaker '01a'; is WSJ0 whole?" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()

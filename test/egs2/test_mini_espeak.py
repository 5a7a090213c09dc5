"""The synthesised corpus: the same samples always, valid sets, disjoint speakers."""

import importlib
import json
import multiprocessing
import os
import sys
from pathlib import Path

import pytest

from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.data.validation import validate_dir
from espnet_tse.data.validation_audio import AudioLimits
from espnet_tse.io.scp import read_scp

pytest.importorskip("espeakng_loader", reason="the corpus is synthesised with it: pip install -e '.[synth]'")
LOCAL = Path(__file__).parents[2] / "egs2" / "mini_espeak" / "tse1" / "local"
SMALL = (
    "--train_speakers 6 --dev_speakers 2 --test_speakers 4 "
    "--train_sentences 2 --dev_mixtures 2 --test_mixtures 8"
)


@pytest.fixture
def local(monkeypatch):
    """Imports the scripts of the recipe's local/."""
    monkeypatch.syspath_prepend(str(LOCAL))
    yield importlib.import_module
    for name in ("prepare_mini_espeak", "espeak_synthesis", "grid_sentences", "voices"):
        sys.modules.pop(name, None)


def files_of(directory: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()
    }


def test_the_corpus_is_valid_and_does_not_depend_on_nj(local, tmp_path, monkeypatch, capsys):
    main = local("prepare_mini_espeak").main
    made = []
    for nj in (1, 3):
        (tmp_path / f"nj{nj}").mkdir()
        monkeypatch.chdir(tmp_path / f"nj{nj}")
        assert main([*SMALL.split(), "--nj", str(nj)]) == 0
        made.append(files_of(Path("data")))
    assert made[0] == made[1]
    for name in ("train", "dev", "test"):
        report = validate_dir(f"data/{name}", AudioLimits(16000), None if name == "train" else "data/train")
        assert not any(check.offenders for check in report.checks), report.render()
        assert report.num_keys == {"train": 12, "dev": 2, "test": 8}[name]
    assert len(read_scp("data/train/spk2utt")) == 6
    dataset = DynamicMixingDataset("data/train", read_mixing_conf("data/train/mixing.yaml"))
    assert (
        len(dataset) == 12 and 1.2 < min(dataset.num_samples) / 16000 < max(dataset.num_samples) / 16000 < 4
    )
    texts = [read_scp(f"data/test/text_spk{number}") for number in (1, 2)]
    assert texts[0].keys() == texts[1].keys() and any(texts[0][key] != texts[1][key] for key in texts[0])
    words = [text.split() for text in texts[0].values()]
    assert all(len(w) == 6 and w[0] in ("bin", "lay", "place", "set") for w in words)
    voices = [
        tuple(v.values())
        for n in ("train", "dev", "test")
        for v in json.loads(Path(f"data/{n}/voices.json").read_text()).values()
    ]
    assert len(set(voices)) == len({voice[:2] for voice in voices}) == 12  # no (variant, accent) twice
    capsys.readouterr()
    assert main([*SMALL.split(), "--nj", "2"]) == 0
    assert "up to date" in capsys.readouterr().out
    # What stage 1 is redone for is done: other code, --force true, a set that is not there.
    script = local("prepare_mini_espeak")
    with monkeypatch.context() as changed:
        changed.setattr(script, "sha256_of_folder", lambda folder: f"{folder} otherwise")
        assert main(SMALL.split()) == 0 and "mini_espeak written" in capsys.readouterr().out
    with monkeypatch.context() as changed:
        changed.setenv("force", "true")
        assert main(SMALL.split()) == 0 and "mini_espeak written" in capsys.readouterr().out
    Path("data/mini_espeak.done").write_text("")
    assert main(SMALL.split()) == 0 and "mini_espeak written" in capsys.readouterr().out
    Path("data/test/wav.scp").unlink()
    assert main(SMALL.split()) == 0 and "mini_espeak written" in capsys.readouterr().out
    assert main([*SMALL.replace("--test_mixtures 8", "--test_mixtures 4").split()]) == 0
    assert len(read_scp("data/test/wav.scp")) == 4


def test_the_full_corpus_has_enough_disjoint_speakers(local):
    speakers = local("voices").make_speakers(64, 8, 12, seed=0)
    assert {name: len(held) for name, held in speakers.items()} == {"train": 64, "dev": 8, "test": 12}
    every = [voice for held in speakers.values() for voice in held.values()]
    assert len({(voice.variant, voice.accent) for voice in every}) == 84
    females = local("voices").FEMALE_VARIANTS
    for held in speakers.values():
        assert sum(voice.variant in females for voice in held.values()) == len(held) // 2
    assert len({voice.variant for voice in speakers["test"].values()}) == 12
    # The held-out voices do not change with the size of train.
    assert list(local("voices").make_speakers(6, 8, 12, 0)["test"].values()) == list(
        speakers["test"].values()
    )
    with pytest.raises(ValueError, match="ask for fewer speakers"):
        local("voices").make_speakers(999, 8, 12, 0)


def test_sentences_are_distinct(local):
    sentences = local("grid_sentences").all_sentences(0)
    assert len(set(sentences)) == len(sentences) == 64000
    assert local("grid_sentences").spoken_form("bin red at a two now") == "bin red at [[eI]] two now"
    assert local("grid_sentences").spoken_form("bin red at f two now") == "bin red at F two now"


def test_unknown_voices_are_refused(local):
    synthesis = local("espeak_synthesis")
    synthesiser = synthesis.Synthesiser()
    with pytest.raises(ValueError, match="no voice variant 'f99'"):
        synthesiser.set_voice(synthesis.Voice("f99", "en-US", 50, 50, 130))
    with pytest.raises(ValueError, match="refuses voice 'gmw/en-XX"):
        synthesiser.set_voice(synthesis.Voice("f1", "en-XX", 50, 50, 130))


@pytest.mark.parametrize(
    "options, message",
    [
        (["--dev_speakers", "1"], "--dev_speakers must be at least 2"),
        (["--dev_mixtures", "0"], "--dev_mixtures must be at least 1"),
        (["--nj", "0"], "--nj must be at least 1"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--sir_db", "5", "-5"], "wants LOW <= HIGH"),
        (["--sir_db", "nan", "5"], "wants LOW <= HIGH"),
    ],
)
def test_wrong_usage(local, capsys, options, message):
    with pytest.raises(SystemExit) as stopped:
        local("prepare_mini_espeak").main(options)
    assert stopped.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, message",
    [
        (["--train_speakers", "400"], "train: only "),
        (["--train_sentences", "11000"], "sentences are wanted, there are 64000; ask for fewer"),
    ],
)
def test_more_than_there_is_is_refused_before_synthesis(local, tmp_path, capsys, options, message):
    script = local("prepare_mini_espeak")
    assert script.main(["--data_dir", str(tmp_path / "data"), *SMALL.split(), *options]) == 1
    told = capsys.readouterr()
    assert message in told.err and "Traceback" not in told.err and "synthesising" not in told.out
    assert not (tmp_path / "data").exists()


def test_training_mixes_at_the_ratios_of_the_fixed_sets(local, tmp_path, capsys):
    script = local("prepare_mini_espeak")
    command = ["--data_dir", str(tmp_path / "data"), *SMALL.split(), "--sir_db"]
    assert script.main([*command, "-2", "7.5"]) == 0
    assert read_mixing_conf(tmp_path / "data/train/mixing.yaml").sir_db == (-2.0, 7.5)
    ratios = [float(value) for value in read_scp(tmp_path / "data/test/utt2sir").values()]
    assert -2 <= min(ratios) and max(ratios) <= 7.5
    before = files_of(tmp_path / "data")
    capsys.readouterr()
    # What clips is told ahead of the training speech; the sets of before stay.
    assert script.main([*command, "-30", "-28"]) == 1
    told = capsys.readouterr()
    assert "test: mixture 0, the target at -2" in told.err and "raise the lower end of --sir_db" in told.err
    assert "12/12 speakers" not in told.out
    after = files_of(tmp_path / "data")
    assert after == {name: content for name, content in before.items() if name != "mini_espeak.done"}


def test_links_to_another_disk_are_written_through(local, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for name in ("audio", "train"):
        (tmp_path / "disk" / name).mkdir(parents=True)
        (tmp_path / "disk" / name / "old").touch()
        Path("data", name).symlink_to(tmp_path / "disk" / name)
    Path("data/.dev.new.tmp").mkdir()  # of a killed run
    assert local("prepare_mini_espeak").main(SMALL.split()) == 0
    assert all(Path("data", name).is_symlink() for name in ("audio", "train"))
    assert not (tmp_path / "disk/audio/old").exists() and not (tmp_path / "disk/train/old").exists()
    assert len(read_scp(tmp_path / "disk/train/wav.scp")) == 12
    assert all(Path(path).is_file() for path in read_scp("data/test/wav.scp").values())
    assert sorted(os.listdir("data")) == ["audio", "dev", "mini_espeak.done", "test", "train"]
    assert sorted(os.listdir("disk")) == ["audio", "train"]


def test_no_worker_is_there_while_audio_is_mixed(local, tmp_path, monkeypatch):
    """One that is forked then may wait for a lock of soundfile for ever."""
    monkeypatch.chdir(tmp_path)
    script, workers = local("prepare_mini_espeak"), []
    mix = script.write_mixtures

    def observed(*args):
        workers.extend(multiprocessing.active_children())
        mix(*args)

    monkeypatch.setattr(script, "write_mixtures", observed)
    assert script.main(SMALL.split()) == 0 and not workers


def test_a_missing_synthesiser_is_told(local, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    assert local("prepare_mini_espeak").main(["--data_dir", str(tmp_path), *SMALL.split()]) == 1
    assert "espeakng-loader is not installed" in capsys.readouterr().err

"""Real-speech data preparation, on stand-in audio in LibriSpeech layout."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from system_files import leave_system_files

from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.data.scp_fields import read_regions
from espnet_tse.data.validation import validate_dir
from espnet_tse.data.validation_audio import AudioLimits
from espnet_tse.io.scp import read_scp

LOCAL = Path(__file__).parents[2] / "egs2" / "mini_librispeech" / "tse1" / "local"
OPTIONS = "--dev_mixtures 3 --test_mixtures 4 --mixture_s 2 2.5 --enrollment_s 2 2.4".split()


@pytest.fixture
def main(monkeypatch):
    """The recipe's preparation, called in this process."""
    monkeypatch.syspath_prepend(str(LOCAL))
    yield importlib.import_module("prepare_mini_librispeech").main
    for name in ("prepare_mini_librispeech", "librispeech_split"):
        sys.modules.pop(name, None)


def write_corpus(root: Path, subsets: dict[str, dict[int, list[float]]], transcripts: bool = False) -> Path:
    """``subsets``: subset -> speaker -> seconds of its utterances."""
    for subset, speakers in subsets.items():
        for speaker, durations in speakers.items():
            chapter = root / subset / str(speaker) / "7"
            chapter.mkdir(parents=True)
            for number, seconds in enumerate(durations):
                rng = np.random.default_rng([speaker, number])
                samples = rng.normal(0, 0.2, round(seconds * 16000)).clip(-0.99, 0.99)
                soundfile.write(chapter / f"{speaker}-7-{number:04d}.flac", samples, 16000)
            if transcripts:
                lines = [f"{speaker}-7-{n:04d} SOME WORDS" for n in range(len(durations))]
                (chapter / f"{speaker}-7.trans.txt").write_text("\n".join(lines) + "\n")
    return root


def check_sets(data: Path) -> None:
    for name in ("train", "dev", "test"):
        report = validate_dir(data / name, AudioLimits(16000), None if name == "train" else data / "train")
        assert not any(check.offenders for check in report.checks), report.render()
    for name in ("dev", "test"):
        lengths = [soundfile.info(path).duration for path in read_scp(data / name / "wav.scp").values()]
        assert 2 <= min(lengths) <= max(lengths) <= 2.5
        assert all(-5 <= float(sir) <= 5 for sir in read_scp(data / name / "utt2sir").values())
        speakers, interferers = read_scp(data / name / "utt2spk"), read_scp(data / name / "utt2interferer")
        assert speakers.keys() == interferers.keys()
        assert all(interferers[key] != speaker for key, speaker in speakers.items())


def measured_sir_db(data: Path, name: str, key: str) -> float:
    target, other = (soundfile.read(read_scp(data / name / f"spk{i}.scp")[key])[0] for i in (1, 2))
    return 10 * np.log10(np.mean(target**2) / np.mean(other**2))


def test_one_utterance_a_speaker(main, tmp_path):
    speakers = {n: [6.0] for n in range(1, 35)} | {12: [3.0], 35: [0.5], 36: [6.0]}
    corpus = write_corpus(tmp_path / "LibriSpeech", {"train-clean-100": speakers})
    assert main(["--librispeech", str(corpus), "--data_dir", str(tmp_path / "data"), *OPTIONS]) == 0
    data = tmp_path / "data"
    check_sets(data)
    # The split of 36 speakers by position: 11, 23, 35 are dev, 5, 17, 29 are test.
    assert set(read_scp(data / "test" / "spk2utt")) == {"6", "18", "30"}
    assert set(read_scp(data / "dev" / "spk2utt")) == {"24", "36"}  # 12 is too short to be a target
    assert len(read_scp(data / "train" / "wav.scp")) == 29  # 35 is too short to be mixed
    for name in ("dev", "test"):
        regions = read_regions(data / name / "utt2regions")
        assert all(region.gap_s >= 0.5 for region in regions.values())
        for key, sir_db in read_scp(data / name / "utt2sir").items():
            assert measured_sir_db(data, name, key) == pytest.approx(float(sir_db), abs=0.01)
    conf = read_mixing_conf(data / "train" / "mixing.yaml")
    assert conf.enrollment == "same_utterance_disjoint"
    assert len(DynamicMixingDataset(data / "train", conf, 2.0)) == 29


def test_several_utterances_a_speaker_in_mini_librispeech(main, tmp_path):
    train = {n: [3.0, 4.0, 3.5] for n in (11, 12)}
    dev = {n: [3.0, 4.0] for n in (101, 7, 55, 23)}
    corpus = write_corpus(
        tmp_path / "LibriSpeech", {"train-clean-5": train, "dev-clean-2": dev}, transcripts=True
    )
    data = tmp_path / "data"
    assert main(["--librispeech", str(corpus.parent), "--data_dir", str(data), *OPTIONS]) == 0
    check_sets(data)
    assert set(read_scp(data / "dev" / "spk2utt")) == {"7", "55"}
    assert set(read_scp(data / "test" / "spk2utt")) == {"23", "101"}
    assert all(r.target_id != r.enrollment_id for r in read_regions(data / "test" / "utt2regions").values())
    assert read_mixing_conf(data / "train" / "mixing.yaml").enrollment == "other_utterance"
    assert set(read_scp(data / "train" / "text").values()) == {"some words"}


def test_equal_options_give_equal_samples_and_a_second_run_does_nothing(main, tmp_path, monkeypatch):
    corpus = write_corpus(
        tmp_path / "c", {"train-x": {n: [6.0] for n in range(1, 3)}, "dev-x": {n: [5.5] for n in range(3, 7)}}
    )
    for name in ("one", "two"):
        assert main(["--librispeech", str(corpus), "--data_dir", str(tmp_path / name), *OPTIONS]) == 0
    for path in (tmp_path / "one" / "audio").rglob("*.wav"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
    before = (tmp_path / "one" / "mini_librispeech.done").stat().st_mtime_ns
    assert main(["--librispeech", str(corpus), "--data_dir", str(tmp_path / "one"), *OPTIONS]) == 0
    assert (tmp_path / "one" / "mini_librispeech.done").stat().st_mtime_ns == before
    # What stage 1 is redone for is done: --force true, other code.
    times = {before}
    with monkeypatch.context() as changed:
        changed.setenv("force", "true")
        assert main(["--librispeech", str(corpus), "--data_dir", str(tmp_path / "one"), *OPTIONS]) == 0
        times.add((tmp_path / "one" / "mini_librispeech.done").stat().st_mtime_ns)
    with monkeypatch.context() as changed:
        changed.setattr(
            sys.modules[main.__module__], "sha256_of_folder", lambda folder: f"{folder} otherwise"
        )
        assert main(["--librispeech", str(corpus), "--data_dir", str(tmp_path / "one"), *OPTIONS]) == 0
        times.add((tmp_path / "one" / "mini_librispeech.done").stat().st_mtime_ns)
    assert len(times) == 3
    assert (
        main(["--librispeech", str(corpus), "--data_dir", str(tmp_path / "one"), *OPTIONS, "--seed", "1"])
        == 0
    )
    assert (tmp_path / "one" / "mini_librispeech.done").stat().st_mtime_ns != before


def test_links_to_another_disk_are_written_through(main, tmp_path):
    corpus = write_corpus(
        tmp_path / "c", {"train-x": {n: [6.0] for n in range(1, 3)}, "dev-x": {n: [5.5] for n in range(3, 7)}}
    )
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "disk/audio").mkdir(parents=True)
    (data / "audio").symlink_to(tmp_path / "disk/audio")
    (data / "mini_librispeech.done").touch()  # of a power cut
    assert main(["--librispeech", str(corpus), "--data_dir", str(data), *OPTIONS]) == 0
    check_sets(data)
    assert (data / "audio").is_symlink() and sorted(os.listdir(tmp_path / "disk/audio")) == ["dev", "test"]
    assert sorted(os.listdir(data)) == ["audio", "dev", "mini_librispeech.done", "test", "train"]


def test_faults(main, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["--librispeech", str(tmp_path / "empty"), "--data_dir", str(tmp_path / "d")]) == 1
    assert "LIBRISPEECH must name the folder" in capsys.readouterr().err
    assert not list((tmp_path / "d").iterdir())  # nothing half done is left
    corpus = write_corpus(tmp_path / "c", {"train-x": {1: [6.0], 2: [6.0]}, "dev-x": {3: [1.0], 4: [1.0]}})
    command = ["--librispeech", str(corpus), "--data_dir", str(tmp_path / "d"), *OPTIONS]
    assert main(command) == 1 and "dev: 0 usable speakers" in capsys.readouterr().err
    torn = corpus / "dev-x" / "3" / "7" / "3-7-0000.flac"
    torn.write_bytes(torn.read_bytes()[:40])  # of a download that was broken off
    assert main(command) == 1 and "3-7-0000.flac' cannot be read as audio" in capsys.readouterr().err
    write_corpus(corpus, {"vctk": {"p225": []}})
    torn.rename(corpus / "vctk" / "p225" / "7" / "p225_001.flac")
    assert main(command) == 1 and "speaker 'p225' is no number" in capsys.readouterr().err
    assert not list((tmp_path / "d").iterdir())
    for options in (["--librispeech", "/nowhere"], ["--librispeech", str(corpus), "--mixture_s", "5", "4"]):
        with pytest.raises(SystemExit) as stopped:
            main(options)
        assert stopped.value.code == 2


def test_an_utterance_of_two_subsets_is_one(main, tmp_path, caplog):
    speakers = {n: [3.0, 3.0] for n in (1, 2)}
    subsets = {
        "train-clean-100": speakers,
        "train-clean-5": speakers,
        "dev-clean": {7: [3.0] * 2, 8: [3.0] * 2},
    }
    subsets["dev-clean-2"] = subsets["dev-clean"]
    corpus = write_corpus(tmp_path / "c", subsets, transcripts=True)
    leave_system_files(corpus)
    find_utterances = importlib.import_module("librispeech_split").find_utterances
    with caplog.at_level("WARNING"):
        found = find_utterances(corpus)
    # That only a part of the published subsets is there is told.
    told = [message.partition(", so")[0] for message in caplog.messages]
    assert told == [
        f"{corpus / 'dev-clean'}: 4 of its 2703 published utterances",
        f"{corpus / 'train-clean-100'}: 4 of its 28539 published utterances",
    ]
    assert [utterance.key for utterance in found] == [f"{n}-7-000{i}" for n in (1, 2, 7, 8) for i in (0, 1)]
    assert {utterance.subset for utterance in found} == {"train-clean-100", "dev-clean"}


def run_data_sh(recipe: Path, **environment: str) -> subprocess.CompletedProcess:
    (recipe / "local").mkdir(parents=True, exist_ok=True)
    for path in LOCAL.iterdir():
        if path.is_file():
            (recipe / "local" / path.name).write_bytes(path.read_bytes())
    return subprocess.run(
        ["bash", str(recipe / "local" / "data.sh"), *OPTIONS],
        env={**os.environ, "python": sys.executable, **environment},
        capture_output=True,
        text=True,
    )


def test_a_missing_corpus_folder_ends_with_3(tmp_path):
    done = run_data_sh(tmp_path / "recipe", LIBRISPEECH="/nowhere")
    assert done.returncode == 3 and "LIBRISPEECH='/nowhere' is not a folder" in done.stderr


def test_a_download_with_another_checksum_is_refused(tmp_path):
    served = tmp_path / "served"
    served.mkdir()
    for part in ("train-clean-5", "dev-clean-2"):
        (served / f"{part}.tar.gz").write_bytes(b"not the corpus")
    done = run_data_sh(tmp_path / "recipe", LIBRISPEECH="downloads", LIBRISPEECH_URL=f"file://{served}")
    assert done.returncode == 3 and "has another md5" in done.stderr
    assert (tmp_path / "recipe" / "downloads" / "train-clean-5.tar.gz.bad").is_file()
    done = run_data_sh(
        tmp_path / "recipe", LIBRISPEECH="downloads", LIBRISPEECH_URL=f"file://{tmp_path}/none"
    )
    assert done.returncode == 3 and "could not be fetched" in done.stderr

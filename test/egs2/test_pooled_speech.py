"""Speech from several folders becomes one training set and fixed sets of held-out speakers."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from espnet_tse.data.dynamic_mixing import DynamicMixingDataset
from espnet_tse.data.mixing_conf import read_mixing_conf
from espnet_tse.data.validation import validate_dir
from espnet_tse.data.validation_audio import AudioLimits
from espnet_tse.io.scp import read_scp, write_scp

RECIPE = Path(__file__).parents[2] / "egs2" / "pooled_speech" / "tse1"


@pytest.fixture
def main(monkeypatch):
    """The recipe's preparation, called in this process."""
    monkeypatch.syspath_prepend(str(RECIPE / "local"))
    yield importlib.import_module("pool_speech").main
    sys.modules.pop("pool_speech", None)


def write_audio(path: Path, seconds: float, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * 16000)).clip(-0.9, 0.9)
    soundfile.write(path, samples, 16000)
    return path


@pytest.fixture
def corpora(tmp_path):
    """Two sources of 30 and 7 speakers, noise, rooms, and the training set of two LibriSpeech speakers."""
    for speaker in range(30):
        for utterance in range(2):
            write_audio(
                tmp_path / "speech" / "near" / f"s{speaker:02d}" / f"u{utterance}.flac",
                1.2,
                2 * speaker + utterance,
            )
    for speaker in range(7):
        write_audio(tmp_path / "speech" / "far" / f"{speaker}" / "long.wav", 4.0, 100 + speaker)
    for number in range(7):
        for piece in range(2):
            write_audio(
                tmp_path / "noise" / "street" / f"r{number}_{piece}.flac", 1.0, 200 + 2 * number + piece
            )
        response = np.zeros(800)
        response[[10, 400]] = 0.9, 0.2
        path = tmp_path / "rooms" / "office" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, response, 16000)
    train = tmp_path / "librispeech"
    wav = {f"{n}-7-0000": write_audio(tmp_path / f"{n}-7-0000.flac", 5.0, 300 + n) for n in (19, 26)}
    train.mkdir()
    write_scp(train / "wav.scp", wav)
    write_scp(train / "utt2spk", {key: key.split("-")[0] for key in wav})
    return tmp_path


def call(main, corpora: Path, *options: str) -> int:
    return main(
        [
            *("--librispeech_train", str(corpora / "librispeech"), "--speech", str(corpora / "speech")),
            *(
                "--mixing",
                str(RECIPE / "local" / "mixing.yaml"),
                "--output_dir",
                str(corpora / "data"),
                *options,
            ),
        ]
    )


def heard_in(scp: Path) -> set[str]:
    return set(read_scp(scp))


def test_no_speaker_noise_or_room_is_in_two_sets(main, corpora):
    options = [
        "--noise",
        str(corpora / "noise"),
        "--rooms",
        str(corpora / "rooms"),
        "--librispeech_weight",
        "3",
    ]
    assert call(main, corpora, *options) == 0
    data = corpora / "data"
    folders = {"train": data / "train"} | {
        name: data / "sources" / name for name in ("dev", "test", "test_noisy", "test_absent")
    }
    speakers = {name: set(read_scp(folder / "utt2spk").values()) for name, folder in folders.items()}
    assert speakers["test"] == speakers["test_noisy"] == {"far-5", "near-s05", "near-s17", "near-s29"}
    assert speakers["dev"] == {"near-s11", "near-s23"}
    assert not speakers["train"] & (speakers["dev"] | speakers["test"]) and "19" in speakers["train"]
    assert set(read_scp(folders["train"] / "utt2source").values()) == {"near", "far", "librispeech"}
    noise = {kind: heard_in(data / "lists" / f"noise_{kind}.scp") for kind in ("train", "test")}
    assert noise["test"] == {"street-r5_0", "street-r5_1"} and not noise["train"] & noise["test"]
    assert heard_in(data / "lists" / "rir_test.scp") == {"office-5"}
    conf = read_mixing_conf(data / "train" / "mixing.yaml")
    assert conf.source_weights == {"librispeech": 3.0} and conf.noise_scp.endswith("noise_train.scp")
    for name, folder in folders.items():
        dataset = DynamicMixingDataset(folder, read_mixing_conf(folder / "mixing.yaml"), crop_s=1.0)
        example = dataset.example(1, 0)
        assert example["mixture"].any() and len(example["enrollment"])
        report = validate_dir(folder, AudioLimits(16000))
        assert not report.num_errors, (name, report.render())


def test_without_noise_and_rooms_the_mixtures_have_none(main, corpora):
    assert call(main, corpora, "--sources", "near:0.5") == 0
    conf = read_mixing_conf(corpora / "data" / "train" / "mixing.yaml")
    assert conf.noise_scp is None and conf.rir_scp is None and conf.source_weights["near"] == 0.5
    assert conf.enrollment_noise == conf.enrollment_reverb == 0.0
    assert "far" not in read_scp(corpora / "data" / "train" / "utt2source").values()
    assert not (corpora / "data" / "lists").exists()


def test_a_folder_that_is_gone_leaves_no_list_of_before(main, corpora):
    assert call(main, corpora, "--noise", str(corpora / "noise")) == 0
    assert call(main, corpora) == 0
    assert "noise_scp" not in yaml.safe_load((corpora / "data" / "train" / "mixing.yaml").read_text())


@pytest.mark.parametrize(
    "options, message",
    [
        (["--sources", "neer"], "did you mean 'near'"),
        (["--sources", "near:often"], "'often' is no weight; write near:0.5"),
        (["--sources", "near:-1"], "'-1' is no weight; write near:0.5"),
        (["--sources", "near:nan"], "'nan' is no weight; write near:0.5"),
        (["--sources", "near:1", "near:3"], "'near' is named twice"),
        (["--librispeech_weight", "-3"], "source_weights: wants weights of at least 0"),
        (["--sources", "far"], "fewer than 2 speakers are left for dev; 30 of one source are enough"),
        (["--noise", "{}/empty"], "holds no folders"),
        (
            ["--noise", "{}/few"],
            "2 recordings; at least 6 are wanted. Files <recording>_<piece> count as one",
        ),
        (["--noise", "{}/speech/far", "--sources", "near", "far"], "--sources far: NOISE or ROOMS names"),
    ],
)
def test_faults_leave_no_sets(main, corpora, options, message, capsys):
    (corpora / "empty").mkdir()
    for number in range(2):
        write_audio(corpora / "few" / "x" / f"{number}.wav", 0.1, number)
    assert call(main, corpora, *(option.format(corpora) for option in options)) == 1
    assert message in capsys.readouterr().err
    assert not (corpora / "data" / "train").exists()


def odd_file(corpora: Path, place: str, seconds: float = 1.2, rate: int = 16000, channels: int = 1) -> Path:
    path = corpora / place
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(7).normal(0, 0.1, (round(seconds * rate), channels)).clip(-0.9, 0.9)
    soundfile.write(path, samples, rate)
    return path


@pytest.mark.parametrize(
    "place, form, message",
    [
        ("speech/near/s00/u0.wav", {}, "has the name of"),
        ("speech/near/s00/hi.wav", {"rate": 44100}, "44100 Hz, 1 channel(s); mono at 16000 Hz is wanted"),
        ("speech/near/s00/stereo.wav", {"channels": 2}, "16000 Hz, 2 channel(s)"),
        ("speech/near/s00/void.wav", {"seconds": 0}, "holds no samples"),
        ("speech/near/loose.wav", {}, "is not <speaker>/<utterance>"),
        ("speech/near/s00/chapter/deep.wav", {}, "is not <speaker>/<utterance>"),
        ("speech/librispeech/s/u.wav", {}, "rename the folder"),
        ("noise/street/r1_0.wav", {}, "has the name of"),
        ("noise/street-r1/_0.wav", {"rate": 8000}, "8000 Hz"),
        ("rooms/office/wide.wav", {"channels": 2}, "16000 Hz, 2 channel(s)"),
    ],
)
def test_audio_that_would_be_mistaken_is_told_before_anything_is_written(
    main, corpora, place, form, message, capsys
):
    path = odd_file(corpora, place, **form)
    code = call(main, corpora, "--noise", str(corpora / "noise"), "--rooms", str(corpora / "rooms"))
    assert code == 1
    told = capsys.readouterr().err
    assert message in told and str(path if "rename the folder" not in message else path.parents[1]) in told
    assert not (corpora / "data").exists()


def test_how_many_files_want_a_conversion_is_told(main, corpora, capsys):
    for name, form in (("a", {"rate": 8000}), ("b", {"channels": 2})):
        odd_file(corpora, f"speech/near/s00/{name}.wav", **form)
    assert call(main, corpora) == 1
    assert "a.wav: 8000 Hz" in (told := capsys.readouterr().err) and "2 of 69 files are not" in told


def test_what_is_read_is_not_replaced(main, corpora, capsys):
    (corpora / "data").mkdir()
    speech = (corpora / "speech").rename(corpora / "data" / "train")
    before = sorted(speech.rglob("*"))
    assert call(main, corpora, "--speech", str(speech)) == 1
    assert "train: would be replaced as a whole" in capsys.readouterr().err
    assert sorted(speech.rglob("*")) == before


def test_noise_and_rooms_among_the_sources_are_no_speakers(main, corpora, caplog):
    for name in ("noise", "rooms"):
        (corpora / name).rename(corpora / "speech" / name)
    caplog.set_level("INFO")
    folders = ("--noise", str(corpora / "speech" / "noise"), "--rooms", str(corpora / "speech" / "rooms"))
    assert call(main, corpora, *folders) == 0
    sources = set(read_scp(corpora / "data" / "train" / "utt2source").values())
    assert sources == {"near", "far", "librispeech"}
    assert f"{corpora / 'speech' / 'noise'}: is no source of speech" in caplog.text


def test_recordings_that_spaces_number_are_not_pieces_of_one(main, corpora):
    for path in sorted((corpora / "noise" / "street").iterdir()):
        path.rename(path.with_stem(f"rain {path.stem.replace('_', '-')}"))
    assert call(main, corpora, "--noise", str(corpora / "noise")) == 0
    assert heard_in(corpora / "data" / "lists" / "noise_test.scp") == {"street-rain_r2-1", "street-rain_r5-1"}


def test_speakers_of_two_sources_never_meet_under_one_name(main, corpora, capsys):
    odd_file(corpora, "speech/near/a-b/u0.wav")
    odd_file(corpora, "speech/near-a/b/u1.wav")
    assert call(main, corpora) == 1
    assert "'near-a-b'; rename one of the folders" in capsys.readouterr().err


def test_an_unreadable_file_is_told(main, corpora, capsys):
    (corpora / "speech" / "near" / "s00" / "torn.wav").write_bytes(b"RIFF")
    assert call(main, corpora) == 1
    assert "torn.wav' is cut short" in capsys.readouterr().err


def test_names_with_spaces_hidden_files_links_and_other_formats(main, corpora, caplog):
    odd_file(corpora, "speech/near/John Smith/my rec 1.WAV")
    odd_file(corpora, "elsewhere/u0.wav")
    (corpora / "speech" / "near" / "linked").symlink_to(corpora / "elsewhere")
    (corpora / "noise" / "street" / "more").symlink_to(corpora / "elsewhere")
    (corpora / "speech" / ".Trash").mkdir()
    for name in ("._u0.wav", "song.mp3"):  # macOS leaves the first beside each file that it copies
        (corpora / "speech" / "near" / "s00" / name).write_bytes(b"\0\5\26\7")
    caplog.set_level("INFO")
    assert call(main, corpora, "--noise", str(corpora / "noise")) == 0
    wav = {}
    for folder in ("train", "sources/dev", "sources/test"):
        wav |= read_scp(corpora / "data" / folder / "wav.scp")
    speech = (corpora / "speech").resolve()
    assert wav["near-John_Smith-my_rec_1"] == str(speech / "near" / "John Smith" / "my rec 1.WAV")
    assert "near-linked-u0" in wav and not any("._" in key for key in wav)
    assert "street-more-u0" in heard_in(corpora / "data" / "lists" / "noise_train.scp") | heard_in(
        corpora / "data" / "lists" / "noise_test.scp"
    )
    assert "left out, for only .flac and .wav are read: 1 .mp3" in caplog.text


def write_mixtures(data: Path) -> None:
    """Two rows."""
    data.mkdir(parents=True)
    for number, name in enumerate(("wav", "spk1", "spk2", "enroll_spk1")):
        write_scp(
            data / f"{name}.scp",
            {key: write_audio(data / "audio" / f"{name}{key}.wav", 1.0, number) for key in "ab"},
        )
    write_scp(data / "utt2spk", {"a": "x", "b": "y"})


def test_the_packages_systems_are_extracted_scored_and_shown(tmp_path):
    write_mixtures(tmp_path / "dump" / "raw" / "test")
    command = [
        *("local/packaged_systems.sh", "--systems", "stream", "--test_sets", "test", "--metrics", "si_sdr"),
        *("--dumpdir", str(tmp_path / "dump"), "--output_dir", str(tmp_path / "out")),
    ]
    result = subprocess.run(command, cwd=RECIPE, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    table = (tmp_path / "out" / "RESULTS.md").read_text()
    assert "| mixture |" in table and "| stream |" in table
    assert (tmp_path / "out" / "report.html").stat().st_size > 10000
    missing = subprocess.run(
        [*command[:3], "--test_sets", "none"], cwd=RECIPE, capture_output=True, text=True
    )
    assert missing.returncode == 3 and "dump/raw/none is not there; run stages 1 to 3" in missing.stderr


def test_systems_of_some_speakers_are_trained_scored_and_drawn(tmp_path):
    raw = tmp_path / "dump" / "raw"
    for name in ("dev", "test"):
        write_mixtures(raw / name)
    (raw / "train").mkdir()
    # With copies at another speed and with other formants, as stage 2 makes them.
    speakers = {
        f"{copy}s{number}-u": f"{copy}s{number}" for number in range(5) for copy in ("", "sp0.9-", "fm1.1-")
    }
    waves = {key: write_audio(tmp_path / f"{key}.wav", 2.0, 9 + n) for n, key in enumerate(speakers)}
    write_scp(raw / "train" / "wav.scp", waves)
    write_scp(raw / "train" / "utt2spk", speakers)
    write_scp(raw / "train" / "spk2utt", {speaker: key for key, speaker in speakers.items()})
    write_scp(raw / "train" / "utt2num_samples", dict.fromkeys(speakers, "32000"))
    (raw / "train" / "mixing.yaml").write_text(
        "{num_speakers: {2: 1.0}, enrollment: other_or_disjoint, enrollment_s: 0.5}"
    )
    out = tmp_path / "out"
    command = [
        *("local/number_of_speakers.sh", "--numbers", "2", "--test_sets", "test", "--metrics", "si_sdr_i"),
        *("--dumpdir", str(tmp_path / "dump"), "--output_dir", str(out)),
        *("--tse_config", "conf/usef_tfgridnet_nano.yaml"),
        *(
            "--tse_args",
            "--crop_s 0.5 --enrollment_s 0.5 --max_epoch 1 --num_iters_per_epoch 1 --batch_size 1",
        ),
    ]
    result = subprocess.run(command, cwd=RECIPE, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    chosen = set((out / "train_2_speakers").read_text().split())
    persons = {voice for voice in chosen if "-" not in voice}
    assert len(persons) == 2 and chosen == {f"{c}{p}" for p in persons for c in ("", "sp0.9-", "fm1.1-")}
    assert set(read_scp(raw / "train_2_speakers" / "utt2spk").values()) == chosen
    assert (
        "| speakers | test |" in result.stdout
        and "training speakers" in (out / "number_of_speakers.svg").read_text()
    )
    again = subprocess.run([*command[:2], "9", *command[3:]], cwd=RECIPE, capture_output=True, text=True)
    assert again.returncode == 2 and "--numbers 9: " in again.stderr and "has 5 speakers" in again.stderr

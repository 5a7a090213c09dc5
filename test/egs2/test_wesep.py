"""Data of WeSep: shards and lists of tiny audio become data directories that the validator passes."""

import importlib
import io
import json
import re
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_tse.data.scp_fields import is_source_dir
from espnet_tse.data.validation import validate_dir
from espnet_tse.data.validation_audio import AudioLimits
from espnet_tse.io.scp import read_scp, write_scp

LOCAL = Path(__file__).parents[2] / "egs2" / "wesep" / "tse1" / "local"
KEYS = ("11-1-1_22-1-1", "22-1-2_11-1-2")


@pytest.fixture
def main(monkeypatch):
    """The recipe's preparation, called in this process."""
    monkeypatch.syspath_prepend(str(LOCAL))
    yield importlib.import_module("prepare_wesep").main
    for name in ("prepare_wesep", "wesep_shards"):
        sys.modules.pop(name, None)


def wav_of(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples.astype(np.int16), 16000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def write_shard(path: Path, entries: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def mixture_of(key: str) -> dict[str, bytes]:
    """Entries of one mixture, in WeSep's order."""
    rng = np.random.default_rng(len(key) + KEYS.index(key))
    first, second = (1600 * rng.standard_normal((2, 8000))).astype(np.int16)
    speakers = [part.split("-")[0] for part in key.split("_")]
    texts = {f"{key}.spk{number}": speaker.encode() for number, speaker in enumerate(speakers, 1)}
    signals = {"": first + second, "_spk1": first, "_spk2": second}
    return texts | {f"{key}{name}.wav": wav_of(signal) for name, signal in signals.items()}


@pytest.fixture
def wesep(tmp_path):
    """A set as WeSep's recipe leaves it: two shards, spk2enroll.json, spk<n>.enroll, single.wav.scp."""
    folder = tmp_path / "wesep" / "dev"
    folder.mkdir(parents=True)
    # macOS's tar adds such a file to each.
    system = {f"._{key}.wav": b"\0\5\x16\7" for key in KEYS}
    shards = [write_shard(folder / f"shards_{key}.tar", mixture_of(key) | system) for key in KEYS]
    (folder / "shard.list").write_text("".join(f"{shard}\n" for shard in shards))
    single = {}
    for number, (speaker, utterance) in enumerate((s, u) for s in ("11", "22") for u in ("1", "2", "3")):
        path = folder / f"{speaker}-1-{utterance}.wav"
        path.write_bytes(wav_of(1600 * np.random.default_rng(100 + number).standard_normal(12000)))
        single[f"{speaker}-1-{utterance}"] = path
    listed = {s: [[uid, str(p)] for uid, p in single.items() if uid.startswith(s)] for s in ("11", "22")}
    (folder / "spk2enroll.json").write_text(json.dumps(listed))
    write_scp(folder / "single.wav.scp", {f"s1/{uid}.wav": path for uid, path in single.items()})
    for number in (1, 2):
        chosen = {key: f"s1/{key.split('_')[number - 1].split('-')[0]}-1-3.wav" for key in KEYS}
        write_scp(folder / f"spk{number}.enroll", chosen)
    return folder


@pytest.mark.parametrize("options", [[], ["--fixed_enrollments"]])
def test_shards_become_a_valid_set(main, wesep, tmp_path, options):
    out = tmp_path / "data" / "dev"
    assert main(["--wesep_dir", str(wesep), "--output_dir", str(out), *options]) == 0
    rows = [f"{key}#spk{number}" for key in KEYS for number in (1, 2)]
    assert sorted(read_scp(out / "wav.scp")) == sorted(rows)
    row = "11-1-1_22-1-1#spk2"
    assert read_scp(out / "utt2spk")[row] == "22"
    assert read_scp(out / "spk1.scp")[row].endswith("11-1-1_22-1-1_spk2.wav")
    assert read_scp(out / "spk2.scp")[row].endswith("11-1-1_22-1-1_spk1.wav")
    enrolled = read_scp(out / "enroll_spk1.scp")[row]
    assert enrolled == (str(wesep / "22-1-3.wav") if options else "*22-1-1 22")
    stored = Path(read_scp(out / "spk1.scp")[row]).read_bytes()
    assert stored == mixture_of(KEYS[0])["11-1-1_22-1-1_spk2.wav"]


@pytest.mark.parametrize("output", ["wesep/dev", "wesep", ".", "shards"])
def test_data_of_wesep_is_not_replaced(main, wesep, tmp_path, capsys, output):
    (tmp_path / "shards").mkdir()
    shards = [shard.rename(tmp_path / "shards" / shard.name) for shard in wesep.glob("*.tar")]
    (wesep / "shard.list").write_text("".join(f"{shard}\n" for shard in shards))
    before = sorted(tmp_path.rglob("*"))
    assert main(["--wesep_dir", str(wesep), "--output_dir", str(tmp_path / output)]) == 1
    assert "would be replaced as a whole, but is, or holds, what is read" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_the_validator_passes_the_set(main, wesep, tmp_path):
    out = tmp_path / "data" / "dev"
    assert main(["--wesep_dir", str(wesep), "--output_dir", str(out)]) == 0
    report = validate_dir(out, AudioLimits(sample_rate=16000))
    assert not report.num_errors, report.render()


def test_relative_paths_count_from_a_folder_above_the_list(main, wesep, tmp_path):
    above = tmp_path
    lists = [wesep / "shard.list", wesep / "single.wav.scp", wesep / "spk2enroll.json"]
    for path in lists:
        path.write_text(path.read_text().replace(f"{above}/", ""))
    for options in ([], ["--fixed_enrollments"]):
        out = tmp_path / f"out{len(options)}"
        assert main(["--wesep_dir", str(wesep), "--output_dir", str(out), *options]) == 0
    assert Path(next(iter(read_scp(tmp_path / "out1" / "enroll_spk1.scp").values()))).is_file()
    drawn = json.loads((tmp_path / "out0" / "spk2enroll.json").read_text())
    assert all(Path(path).is_file() for utterances in drawn.values() for _, path in utterances)


def write_online(folder: Path) -> bytes:
    """A shard of two single speakers and its list, shard_online.list; returns the audio of each."""
    folder.mkdir(exist_ok=True)
    signal = wav_of(np.zeros(100, dtype=np.float32))
    entries = {
        f"id{n}/clip/1.{kind}": f"id{n}".encode() if kind == "spk" else signal
        for n in (1, 2)
        for kind in ("spk", "wav")
    }
    (folder / "shard_online.list").write_text(f"{write_shard(folder / 'online.tar', entries)}\n")
    return signal


def test_single_speakers_become_a_source_directory(main, tmp_path):
    signal = write_online(tmp_path / "wesep")
    out = tmp_path / "data" / "train"
    command = ["--wesep_dir", str(tmp_path / "wesep"), "--shard_list", "shard_online.list"]
    assert main([*command, "--output_dir", str(out)]) == 0
    assert read_scp(out / "utt2spk") == {"id1-clip-1": "id1", "id2-clip-1": "id2"}
    assert (out / "mixing.yaml").is_file() and (out / "audio" / "id1-clip-1.wav").read_bytes() == signal


def test_a_folder_holds_the_lists_of_one_set(main, wesep, tmp_path):
    write_online(wesep)
    online = {"audio", "mixing.yaml", "spk2utt", "utt2spk", "wav.scp"}
    mixtures = {"audio", "enroll_spk1.scp", "spk1.scp", "spk2.scp", "spk2utt", "utt2spk", "wav.scp"}
    sets = {
        "online": (["--shard_list", "shard_online.list"], online),
        "drawn": ([], mixtures | {"spk2enroll.json"}),
        "fixed": (["--fixed_enrollments"], mixtures),
    }
    out = tmp_path / "data" / "train"
    for name in ("online", "drawn", "fixed", "online"):
        options, files = sets[name]
        assert main(["--wesep_dir", str(wesep), "--output_dir", str(out), *options]) == 0
        assert {path.name for path in out.iterdir()} == files
        assert is_source_dir(out) == (name == "online")
        assert all(Path(path).is_file() for path in read_scp(out / "wav.scp").values())
        assert [path.name for path in out.parent.iterdir()] == ["train"]


def test_a_second_run_writes_no_audio_again(main, wesep, tmp_path):
    out = tmp_path / "data" / "dev"
    command = ["--wesep_dir", str(wesep), "--output_dir", str(out)]
    assert main(command) == 0
    kept, cut = sorted((out / "audio").iterdir())[:2]
    before = kept.stat().st_mtime_ns
    cut.write_bytes(b"half")
    assert main(command) == 0
    assert kept.stat().st_mtime_ns == before and cut.stat().st_size > 4


def link_entry(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo(f"{KEYS[0]}.wav")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda shard: link_entry(shard), "is no plain file"),
        (lambda shard: write_shard(shard, {"../../a.spk": b"1", "../../a.wav": b""}), "begin with no dot"),
        (lambda shard: write_shard(shard, {"a.spk1": b"\xff"}), "want the name of one speaker"),
        (lambda shard: write_shard(shard, {"a.spk1": b"1 2"}), "holds b'1 2', want the name of one speaker"),
        (lambda shard: write_shard(shard, {"a.spk1": b"1", "a.exe": b""}), "'a.exe' is neither a speaker"),
        (
            lambda shard: write_shard(shard, {"a.spk1": b"1", "a.wav": b""}),
            r"'a' has speakers \[1\] and sources \[\]",
        ),
        (lambda shard: write_shard(shard, {"a.spk1": b"1", "a_spk1.wav": b""}), "'a' has no recording"),
        (lambda shard: write_shard(shard, {**mixture_of(KEYS[1])}), "is there twice"),
        (lambda shard: shard.write_bytes(b"no archive"), "no readable tar file"),
        (lambda shard: shard.unlink(), "is there neither from here"),
        (
            lambda shard: shard.parent.joinpath("spk2enroll.json").write_text('{"11": []}'),
            "no utterances of 22",
        ),
        (
            lambda shard: shard.parent.joinpath("spk2enroll.json").write_text('{"11": 1, "22": 2}'),
            "want {speaker",
        ),
        (lambda shard: shard.parent.joinpath("shard.list").write_text(""), "names no shards"),
        (
            lambda shard: shard.parent.joinpath("shard.list").write_bytes(b"\xff\xfe"),
            "is no list of shards, which has a path a line",
        ),
    ],
)
def test_what_is_wrong_is_named_and_no_list_is_written(main, wesep, tmp_path, capsys, spoil, message):
    spoil(wesep / f"shards_{KEYS[0]}.tar")
    out = tmp_path / "data" / "dev"
    assert main(["--wesep_dir", str(wesep), "--output_dir", str(out)]) == 1
    assert re.search(message, capsys.readouterr().err)
    assert not (out / "wav.scp").exists() and not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("name", ["single.wav.scp", "spk1.enroll"])
def test_lists_that_hold_nothing_are_made_again(main, wesep, tmp_path, capsys, name):
    (wesep / name).write_text("")
    out = tmp_path / "data" / "dev"
    assert main(["--wesep_dir", str(wesep), "--output_dir", str(out), "--fixed_enrollments"]) == 1
    assert f"{name}: is empty; prepare WeSep's data again" in capsys.readouterr().err
    assert not list(out.glob("*.scp"))


def test_enrollments_that_single_wav_scp_lacks_are_named(main, wesep, tmp_path, capsys):
    write_scp(wesep / "single.wav.scp", {"s1/other.wav": "x"})
    command = ["--wesep_dir", str(wesep), "--output_dir", str(tmp_path / "out"), "--fixed_enrollments"]
    assert main(command) == 1
    assert "has no 's1/11-1-3.wav'" in capsys.readouterr().err

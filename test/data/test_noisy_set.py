"""Test sets in noise that they were not made for."""

import numpy as np
import pytest
import soundfile
from system_files import leave_system_files

from espnet_tse.bin import add_noise
from espnet_tse.data.noise_corpora import noise_recordings
from espnet_tse.data.validation import validate_dir
from espnet_tse.io.scp import read_scp, write_scp


@pytest.fixture
def corpora(dirs, tmp_path):
    """MUSAN and DEMAND in their layouts, at 16 kHz."""
    files = (
        "musan/noise/free-sound/noise-0001",
        "musan/noise/sound-bible/noise-0002",
        "musan/speech/x/speech-1",
    )
    for name in (*files, "demand/DKITCHEN/ch01", "demand/DKITCHEN/ch02", "demand/STRAFFIC/ch01"):
        path = tmp_path / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, dirs.noise(20000, len(name)), 16000)
    leave_system_files(tmp_path)
    return tmp_path


def add(data, output, *more: str) -> int:
    return add_noise.main(["--data_dir", str(data), "--output_dir", str(output), *more])


def test_recordings_of_the_published_layouts(corpora):
    names = {"musan": ["noise-free-sound-noise-0001", "noise-sound-bible-noise-0002"]}
    names["demand"] = ["DKITCHEN-ch01", "STRAFFIC-ch01"]
    for corpus, keys in names.items():
        assert list(noise_recordings(corpus, corpora / corpus)) == keys
        assert list(noise_recordings(corpus, corpora)) == keys


def test_noise_has_its_ratio_and_is_listed(dirs, corpora):
    data = dirs.tse()
    (data / "protocol").write_text("list: a public list\nkind: clean\npublished: somewhere\n")
    sets = {}
    for snr in ("0", "10"):
        sets[snr] = corpora / f"test_demand_{snr}"
        demand = ("--corpus", "demand", "--corpus_dir", str(corpora / "demand"))
        assert add(data, sets[snr], *demand, "--snr_db", snr) == 0
        assert "list: test_demand_" in (sets[snr] / "protocol").read_text()
        assert "public" not in (text := (sets[snr] / "protocol").read_text()) and "published" not in text
        assert text.splitlines()[1:] == ["kind: both"]
    report = validate_dir(sets["0"])
    assert not any(check.offenders for check in report.checks), report.render()  # sums hold, too
    assert (sets["0"] / "enroll_spk1.scp").read_bytes() == (data / "enroll_spk1.scp").read_bytes()
    for key, target in read_scp(data / "spk1.scp").items():
        speech = soundfile.read(target)[0]
        loud, quiet = (soundfile.read(read_scp(sets[snr] / "noise1.scp")[key])[0] for snr in ("0", "10"))
        ratio = 10 * np.log10(np.mean(speech**2) / np.mean(loud**2))
        assert ratio == pytest.approx(0, abs=0.01)
        np.testing.assert_allclose(quiet, loud * 10**-0.5, atol=1e-6)


@pytest.mark.parametrize(
    "more, code, message",
    [
        (("--corpus", "demand", "--corpus_dir", "{0}/nowhere"), 1, "DEMAND names the folder"),
        (("--corpus", "musam", "--corpus_dir", "{0}"), 1, "did you mean 'musan'"),
        (("--noise_scp", "{0}/none.scp"), 1, "none.scp: no such file"),
        (("--noise_scp", "{0}/silent.scp"), 1, "is silent for as long as"),
    ],
)
def test_faults_leave_nothing(dirs, corpora, capsys, more, code, message):
    dirs.wav("silent", np.zeros(9000))
    (corpora / "silent.scp").write_text(f"s {corpora}/audio/silent.wav\n")
    words = [word.format(corpora) for word in more]
    assert add(dirs.tse(), corpora / "out", *words, "--snr_db", "5") == code
    assert message in capsys.readouterr().err
    assert not (corpora / "out").exists() and not list(corpora.glob(".out*"))


def test_keys_stay_in_the_folder_and_other_files_as_they_are(dirs, corpora, capsys):
    data, musan = dirs.tse(), ("--corpus", "musan", "--corpus_dir", str(corpora / "musan"), "--snr_db", "0")
    (data / "picture.png").write_bytes(b"\x89PNG\xff")
    assert add(data, corpora / "noisy", *musan) == 0
    assert (corpora / "noisy" / "picture.png").read_bytes() == b"\x89PNG\xff"
    for path in [*data.glob("*.scp"), data / "utt2spk"]:
        write_scp(path, {f"../../{key}": value for key, value in read_scp(path).items()})
    assert add(data, corpora / "deeper" / "noisy", *musan) == 1
    assert "cannot name a file" in capsys.readouterr().err and not (corpora / "deeper").exists()


def test_usage_and_the_set_itself(dirs, corpora, capsys):
    data = dirs.tse()
    for words in ([], ["--corpus", "musan"], ["--noise_scp", "a", "--corpus", "musan", "--corpus_dir", "b"]):
        with pytest.raises(SystemExit) as stopped:
            add(data, corpora / "out", "--snr_db", "5", *words)
        assert stopped.value.code == 2
    with pytest.raises(SystemExit):
        add(data, corpora / "out", "--noise_scp", "a", "--snr_db", "nan")
    assert "want dB from -100 to 100" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        add(data, corpora / "out", "--noise_scp", "a", "--snr_db", "5", "--seed", "-1")
    assert "--seed must be at least 0" in capsys.readouterr().err
    musan = ("--corpus", "musan", "--corpus_dir", str(corpora), "--snr_db", "5")
    assert add(data, data, *musan) == 1 and "is, or holds, what is read" in capsys.readouterr().err
    assert (data / "wav.scp").is_file()


def test_a_slip_in_the_output_removes_nothing(dirs, corpora, capsys):
    (corpora / "data").mkdir()
    data = dirs.tse().rename(corpora / "data" / "test")
    (corpora / "data" / "noise").mkdir()
    noise = next((corpora / "musan").rglob("*.wav")).rename(corpora / "data" / "noise" / "a.wav")
    (corpora / "noise.scp").write_text(f"a {noise}\n")
    (corpora / "lists").mkdir()
    (corpora / "lists" / "noise.scp").write_text(f"a {noise}\n")
    before = sorted(corpora.rglob("*"))
    for output, scp in (("data", "noise.scp"), ("data/noise", "noise.scp"), ("lists", "lists/noise.scp")):
        assert add(data, corpora / output, "--noise_scp", str(corpora / scp), "--snr_db", "5") == 1
        assert f"{output}: would be replaced as a whole, but " in capsys.readouterr().err
        assert sorted(corpora.rglob("*")) == before

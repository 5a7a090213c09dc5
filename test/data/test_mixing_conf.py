"""What a mixing.yaml may say."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_tse.data.mixing_conf import MixingConf, read_mixing_conf
from espnet_tse.io.scp import DataError


def read(tmp_path, text: str) -> MixingConf:
    path = tmp_path / "mixing.yaml"
    path.write_text(text)
    return read_mixing_conf(path)


def test_values_and_defaults(tmp_path):
    conf = read(tmp_path, "num_speakers: {2: 1, 3: 3}\nsir_db: [0, 5]\nsnr_kind: peak\n")
    assert conf.num_speakers == {2: 0.25, 3: 0.75}
    assert conf.sir_db == (0.0, 5.0)
    assert conf.snr_kind == "peak"
    assert conf.enrollment == "other_utterance"
    assert read(tmp_path, "") == MixingConf()


@pytest.mark.parametrize(
    "text, message",
    [
        ("sir_dB: [0, 5]", r"mixing.yaml: .*unknown 'sir_dB' \(did you mean 'sir_db'\?\)"),
        ("enrollment: other_utterances", "did you mean 'other_utterance'"),
        ("snr_kind: rmss", "did you mean 'rms'"),
        ("sir_db: [5, -5]", "sir_db: wants -100.0 <= low <= high"),
        ("sir_db: 3", "sir_db: wants two numbers"),
        ("overlap: [0.5, 1.5]", "overlap: wants 0 <= low"),
        ("overlap: [[0, 1]]", "overlap: wants two numbers .* or a list of ranges"),
        ("silence: [0, 1]", "silence: wants 0 <= low <= high <= 0.95"),
        ("turns: [0, 2]", "turns: wants 1 <= low"),
        ("turns: [1, 2.5]", "turns: wants whole numbers"),
        ("pause_speech: 2", "pause_speech: is a share"),
        ("num_speakers: {0: 1.0}", "num_speakers: wants counts >= 1"),
        ("num_speakers: two", "num_speakers: wants {count: share}"),
        ("enrollment_s: 0", "enrollment_s: wants a finite number of at least 0.1"),
        ("enrollment_s: [3, 1]", "enrollment_s: wants 0.1 <= low <= high"),
        ("enrollment_s: [0, 1]", "enrollment_s: wants 0.1 <= low <= high"),
        ("enrollment_eq_db: -1", "enrollment_eq_db: wants a finite number of at least 0"),
        ("enrollment_pauses: 1.5", "enrollment_pauses: is a share"),
        ("source_weights: [1, 2]", "source_weights: wants {source: weight}"),
        ("source_weights: {a: -1}", "source_weights: wants weights of at least 0"),
        ("target_absent: 2", "target_absent: is a share"),
        ("enrollment_noise: 1.5", "enrollment_noise: is a share"),
        ("noise_scp: 5", "noise_scp: wants the path of a list, got 5"),
        ("enrollment_noise: 0.5", "enrollment_noise: 0.5 wants noise_scp"),
        ("enrollment_reverb: 1", "enrollment_reverb: 1 wants rir_scp"),
        ("enrollment_snr_db: [5, 0]", "enrollment_snr_db: wants"),
        ("enrollment_gap_s: yes", "enrollment_gap_s: wants a finite number"),
        ("enrollment_gap_s: .inf", "enrollment_gap_s: wants a finite number"),
        ("enrollment_s: .inf", "enrollment_s: wants a finite number"),
        ("enrollment_eq_db: .nan", "enrollment_eq_db: wants a finite number"),
        ("overlap: [[0, 1, .inf]]", "overlap"),
        ("num_speakers: {2: .inf}", "num_speakers: wants"),
        ("- a", "want 'key: value' lines, got a list"),
        ("a: [", "not readable as YAML"),
    ],
)
def test_faults_name_the_key(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="no such file; a source directory"):
        read_mixing_conf(tmp_path / "mixing.yaml")


@pytest.mark.parametrize("entry", ["a.wav", "cat a.wav |", "bash -c 'cat a.wav 2>/dev/null' |"])
@pytest.mark.parametrize("name, folder", [("noise_scp", "noise"), ("rir_scp", "rir")])
def test_the_fix_for_several_channels_and_commands_works(tmp_path, monkeypatch, name, folder, entry):
    (tmp_path / "it's here").mkdir()
    monkeypatch.chdir(tmp_path / "it's here")
    channels = np.random.default_rng(0).uniform(-0.5, 0.5, (800, 2))
    soundfile.write("a.wav", channels, 8000)
    soundfile.write("b.wav", channels[:, 0], 16000)
    Path("list.scp").write_text(f"b b.wav\na {entry}\n")
    text = f"{name}: list.scp\n"
    what = "has 2 channels" if entry == "a.wav" else "is a command, which training does not run"
    with pytest.raises(DataError) as error:
        read(tmp_path, text)
    assert f"mixing.yaml: {name}: list.scp: 'a' ({entry}) {what}" in str(error.value)
    command = re.search("Run `(.*)`", str(error.value))[1].replace("RATE", "8000")
    package = Path(__file__).resolve().parents[2]
    subprocess.run(
        command.replace("python3", sys.executable),
        shell=True,
        check=True,
        env={"PYTHONPATH": str(package), "PATH": "/usr/bin:/bin"},
    )
    fixed = re.search(f"then write ({name}: .*)[.]$", str(error.value))[1]
    assert fixed == f"{name}: dump/{folder}/wav.scp"
    assert getattr(read(tmp_path, fixed), name) == f"dump/{folder}/wav.scp"
    first, rate = soundfile.read(f"dump/{folder}/audio/wav/a.wav")
    assert rate == 8000 and np.allclose(first, channels[:, 0], atol=1e-4)
    assert soundfile.info(f"dump/{folder}/audio/wav/b.wav").samplerate == 8000

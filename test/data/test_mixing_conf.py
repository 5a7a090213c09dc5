"""What a mixing.yaml may say."""

import pytest

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
        ("overlap: [0.5, 1.5]", "overlap"),
        ("num_speakers: {0: 1.0}", "num_speakers: wants counts >= 1"),
        ("num_speakers: two", "num_speakers: wants {count: share}"),
        ("enrollment_s: 0", "enrollment_s: wants a number of at least 0.1"),
        ("target_absent: 2", "target_absent: is a share"),
        ("enrollment_noise: 1.5", "enrollment_noise: is a share"),
        ("enrollment_noise: 0.5", "enrollment_noise: 0.5 wants noise_scp"),
        ("enrollment_reverb: 1", "enrollment_reverb: 1 wants rir_scp"),
        ("enrollment_snr_db: [5, 0]", "enrollment_snr_db: wants"),
        ("enrollment_gap_s: yes", "enrollment_gap_s: wants a number"),
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

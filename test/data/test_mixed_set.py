"""Fixed mixtures made as training makes them."""

import numpy as np
import pytest
import soundfile

from espnet_tse.bin import mix_set
from espnet_tse.data.static_dataset import StaticDataset
from espnet_tse.data.validation import validate_dir
from espnet_tse.io.activity_list import read_activity
from espnet_tse.io.scp import read_scp, write_scp

TIMELINE = "target_absent: 0.4\nsilence: [0.2, 0.5]\noverlap: [[0, 0, 1], [0.2, 1, 2]]\nsir_db: [-20, -20]\n"


@pytest.fixture
def source(dirs):
    return dirs.source({"a": [9000, 9000], "b": [9000, 9000], "c": [12000, 9000]}, TIMELINE)


def make(source, output, *more: str) -> int:
    options = [
        "--source_dir",
        str(source),
        "--rows",
        "14",
        "--crop_s",
        "1",
        "--output_dir",
        str(output),
        *more,
    ]
    return mix_set.main(options)


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.wav")}


def test_a_set_is_valid_and_says_when_targets_speak(source, tmp_path):
    assert make(source, tmp_path / "dev") == 0
    report = validate_dir(tmp_path / "dev")
    assert not any(check.offenders for check in report.checks if check.severity == "error"), report.render()
    activity = read_activity(tmp_path / "dev" / "utt2activity")
    mixtures, targets = (read_scp(tmp_path / "dev" / name) for name in ("wav.scp", "spk1.scp"))
    assert len(activity) == 14 and 2 <= sum(times == () for times in activity.values()) <= 10
    for key, times in activity.items():
        target = soundfile.read(targets[key])[0]
        inside = np.zeros(8000, dtype=bool)
        for start, end in times:
            inside[round(start * 8000) : round(end * 8000)] = True
        assert not target[~inside].any() and (not times or 0.4 <= inside.mean() <= 0.81)
        # Interferers 20 dB above the target: all of a row is scaled alike.
        assert np.abs(soundfile.read(mixtures[key])[0]).max() <= 0.901
    assert len(StaticDataset(tmp_path / "dev", training=False)) == 14


def test_of_two_talkers_the_other_one_is_named(source, tmp_path):
    assert make(source, tmp_path / "dev") == 0
    speakers, others = (read_scp(tmp_path / "dev" / name) for name in ("utt2spk", "utt2interferer"))
    assert others.keys() == speakers.keys() and set(others.values()) <= set(
        read_scp(source / "utt2spk").values()
    )
    assert all(others[key] != speaker for key, speaker in speakers.items())
    (source / "mixing.yaml").write_text("num_speakers: {1: 0.5, 2: 0.5}\n")
    assert make(source, tmp_path / "some") == 0
    assert (
        not (tmp_path / "some" / "utt2interferer").exists() and not (tmp_path / "some" / "spk2.scp").exists()
    )


def test_neither_what_interferes_nor_an_enrollment_is_clipped(source, dirs, tmp_path):
    write_scp(tmp_path / "noise.scp", {"n": dirs.wav("n", dirs.noise(9000, 1))})
    noise = f"noise_scp: {tmp_path}/noise.scp\nenrollment_noise: 1\nenrollment_snr_db: [-20, -20]\n"
    (source / "mixing.yaml").write_text(f"sir_db: [-20, -20]\nsnr_db: [40, 40]\nclipping: 1\n{noise}")
    assert make(source, tmp_path / "dev") == 0
    for scp in ("spk2.scp", "enroll_spk1.scp"):
        peaks = [np.abs(soundfile.read(path)[0]).max() for path in read_scp(tmp_path / "dev" / scp).values()]
        np.testing.assert_allclose(peaks, 0.9, atol=1e-3)


def test_equal_seeds_make_equal_sets_and_faults_leave_nothing(source, tmp_path, capsys):
    for name, seed in (("one", "0"), ("two", "0"), ("three", "1")):
        assert make(source, tmp_path / name, "--seed", seed) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two") != contents(tmp_path / "three")
    (source / "mixing.yaml").write_text("tasks: {tse: 1, sr: 1}\n")
    assert make(source, tmp_path / "four") == 1
    assert "leave 'tasks' out of mixing.yaml" in capsys.readouterr().err
    assert not [path for path in tmp_path.iterdir() if "four" in path.name]


def test_the_source_and_sets_beside_it_are_not_replaced(source, capsys):
    before = sorted(source.parent.rglob("*"))
    for output in (source, source.parent):
        assert make(source, output, "--rows", "4") == 1
        assert f"{output}: would be replaced as a whole" in capsys.readouterr().err
        assert sorted(source.parent.rglob("*")) == before


def test_a_target_that_should_be_absent_is_heard(source, tmp_path):
    assert make(source, tmp_path / "dev") == 0
    activity = tmp_path / "dev" / "utt2activity"
    key = next(key for key, times in read_activity(activity).items() if times)
    lines = [
        f"{key} none" if line.startswith(f"{key} ") else line for line in activity.read_text().splitlines()
    ]
    activity.write_text("\n".join(lines) + "\n")
    offenders = [offender for check in validate_dir(tmp_path / "dev").checks for offender in check.offenders]
    assert any(where == key and "but its utt2activity is none" in what for where, what in offenders)


def test_mixtures_for_training_have_the_sources_own_files(dirs, tmp_path):
    source = dirs.source({"a": [9000, 7000], "b": [9000, 9000], "c": [12000, 9000]}, "sir_db: [-20, -20]\n")
    output = tmp_path / "mixed"
    assert mix_set.main(["--source_dir", str(source), "--passes", "2", "--output_dir", str(output)]) == 0
    report = validate_dir(output)
    assert not any(check.offenders for check in report.checks if check.severity == "error"), report.render()
    sources, targets, mixtures = (
        read_scp(path) for path in (source / "wav.scp", output / "spk1.scp", output / "wav.scp")
    )
    assert sorted(targets) == sorted(f"{uid}-{number}" for uid in sources for number in range(2))
    signals = {key: soundfile.read(path)[0] for key, path in mixtures.items()}
    for key, target in targets.items():
        assert target == sources[key[:-2]]
        other = signals[key] - soundfile.read(target)[0]
        assert 0.5 < np.abs(other).max()  # 20 dB above the target, and not turned down
    # The second pass has other mixtures.
    assert not np.allclose(signals["a-0-0"], signals["a-0-1"])
    dataset = StaticDataset(output, crop_s=0.5)
    drawn = [dataset.example(epoch, 0)["enrollment"] for epoch in range(4)]
    own = soundfile.read(sources["a-1"])[0]
    assert all(np.allclose(enrollment, own, atol=1e-4) for enrollment in drawn)


@pytest.mark.parametrize(
    "mixing",
    [
        "target_absent: 0.4\n",
        "silence: [0.2, 0.5]\n",
        "enrollment_eq_db: 6\n",
        "enrollment_pauses: 0.5\n",
        "source_weights: {a: 2}\n",
    ],
)
def test_for_training_targets_and_enrollments_stay_as_they_are(dirs, tmp_path, capsys, mixing):
    source = dirs.source({"a": [9000, 9000], "b": [9000, 9000]}, mixing)
    write_scp(source / "utt2source", {key: key[0] for key in read_scp(source / "wav.scp")})
    command = ["--source_dir", str(source), "--passes", "1", "--output_dir", str(tmp_path / "mixed")]
    assert mix_set.main(command) == 1
    assert "have the source's own utterances as targets" in capsys.readouterr().err
    assert not (tmp_path / "mixed").exists()
    with pytest.raises(SystemExit):
        mix_set.main([*command, "--crop_s", "1"])
    assert "leave out --crop_s" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        mix_set.main([*command, "--seed", "-1"])
    assert "--seed must be at least 0" in capsys.readouterr().err

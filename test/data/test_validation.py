"""Every case that the validator knows, each made by breaking a valid directory in one way."""

import json

import numpy as np
import pytest
import soundfile

from espnet_tse.data.findings import SHOWN_OFFENDERS, Report
from espnet_tse.data.stored_inputs import audio_of
from espnet_tse.data.validation import utterance_of, validate_dir
from espnet_tse.data.validation_audio import AudioLimits
from espnet_tse.io.scp import read_scp, write_scp


def keys_of(directory) -> list[str]:
    return sorted(read_scp(directory / "wav.scp"))


def change(directory, scp: str, key: str, value: object) -> None:
    write_scp(directory / scp, {**read_scp(directory / scp), key: value})


def drop(directory, scp: str, key: str) -> None:
    write_scp(directory / scp, {k: v for k, v in read_scp(directory / scp).items() if k != key})


def assert_only(
    report: Report, name: str, status: str = "error", key: str | None = None, message: str = ""
) -> None:
    """One check failed, with an offender that names ``key`` and says ``message``."""
    failed = {check.name: check.status for check in report.checks if check.offenders}
    assert failed == {name: status}, report.render()
    if key is not None:
        offender, text = report[name].offenders[0]
        assert offender == key and message in text, report.render()
    assert (report.num_errors == 0) == (status == "warning")


def test_valid_directories(dirs):
    report = validate_dir(dirs.tse())
    assert report.num_errors == 0 and not any(check.offenders for check in report.checks)
    assert report["mixture = sum of its sources"].num_checked == 4
    assert "VALID" in report.render() and "4 keys, mixtures" in report.render()
    source = validate_dir(dirs.source({"a": [800, 900], "b": [800, 900]}))
    assert source.num_errors == 0 and source.kind == "sources for dynamic mixing"


def make_espnet_dir(dirs):
    """A directory as ESPnet2's LibriMix ``tse1`` recipe writes it for training: two targets, starred
    enrollments, utt2spk that repeats the keys, spk2enroll.json, no protocol."""
    fields = {
        name: {}
        for name in ("wav_scp", "spk1_scp", "spk2_scp", "enroll_spk1_scp", "enroll_spk2_scp", "text_spk1")
    }
    pool: dict[str, list] = {}
    rng = np.random.default_rng(0)
    for row in range(3):
        uids = [f"{row}0-1-{row}", f"{row}5-1-{row}"]
        key = "_".join(uids)
        sources = rng.normal(0, 0.05, (2, 5000)).round(3)
        fields["wav_scp"][key] = dirs.wav(f"max/{key}", sources.sum(0))
        for number, uid in enumerate(uids, 1):
            fields[f"spk{number}_scp"][key] = dirs.wav(f"max/s{number}/{key}", sources[number - 1])
            speaker = uid.split("-")[0]
            fields[f"enroll_spk{number}_scp"][key] = f"*{uid} {speaker}"
            for i in range(2):
                path = dirs.wav(f"enroll/{speaker}-{i}", rng.normal(0, 0.05, 6000))
                pool.setdefault(speaker, []).append([uid if i == 0 else f"{speaker}-2-0", str(path)])
        fields["text_spk1"][key] = "SOME WORDS"
    directory = dirs.lists("espnet", {key: key for key in fields["wav_scp"]}, **fields)
    (directory / "spk2enroll.json").write_text(json.dumps(pool))
    return directory


def test_an_espnet2_tse_directory_passes_unchanged(dirs):
    directory = make_espnet_dir(dirs)
    report = validate_dir(directory, train_dir=dirs.tse())
    assert report.num_errors == 0 and not any(check.offenders for check in report.checks), report.render()
    assert report["dynamic enrollment can be drawn"].num_checked == 6  # both targets of three mixtures
    assert report["no speaker of train"].num_checked == 6  # the starred lines name them
    assert "speakers are unknown" in report["enrollment speaker = target speaker"].note


@pytest.mark.parametrize("scp", ["spk1.scp", "spk2.scp", "enroll_spk1.scp", "utt2spk"])
def test_missing_key(dirs, scp):
    directory = dirs.tse()
    key = keys_of(directory)[1]
    drop(directory, scp, key)
    if scp == "utt2spk":
        (directory / "spk2utt").unlink()
    assert_only(validate_dir(directory), "equal keys in all lists", "error", key, f"missing in {scp}")


def test_extra_key(dirs):
    directory = dirs.tse()
    change(directory, "text_spk1" if (directory / "text_spk1").exists() else "utt2num_samples", "zzz", "1")
    assert_only(validate_dir(directory), "equal keys in all lists", "error", "zzz", "not in wav.scp")


def test_order_and_duplicates(dirs):
    directory = dirs.tse()
    lines = (directory / "spk1.scp").read_text().splitlines()
    (directory / "spk1.scp").write_text("\n".join(reversed(lines)) + "\n")
    assert_only(validate_dir(directory), "sorted (LC_ALL=C)", message="stands behind")
    (directory / "spk1.scp").write_text("\n".join([lines[0], *lines]) + "\n")
    report = validate_dir(directory)
    assert report["lists readable"].status == "error"
    assert "duplicate key" in report["lists readable"].offenders[0][1]


def test_spk2utt(dirs):
    directory = dirs.tse()
    first, second = keys_of(directory)[:2]
    change(directory, "spk2utt", "testspk0", first)
    assert_only(validate_dir(directory), "spk2utt = utt2spk turned round", "error", "testspk0")
    assert second


def test_enrollment_of_another_speaker(dirs):
    directory = dirs.tse()
    utt2spk = read_scp(directory / "utt2spk")
    write_scp(directory / "utt2enrollspk", {**utt2spk, keys_of(directory)[0]: "testspk1"})
    name = "enrollment speaker = target speaker"
    assert_only(validate_dir(directory), name, "error", keys_of(directory)[0], "enrollment of 'testspk1'")
    (directory / "utt2enrollspk").unlink()
    # Without that list, an enrollment that is another row's target still tells its speaker.
    of_other = read_scp(directory / "spk1.scp")[keys_of(directory)[-1]]
    change(directory, "enroll_spk1.scp", keys_of(directory)[0], of_other)
    assert_only(validate_dir(directory), name, "error", keys_of(directory)[0])


def test_enrollment_is_the_target(dirs):
    directory = dirs.tse()
    key = keys_of(directory)[2]
    change(directory, "enroll_spk1.scp", key, read_scp(directory / "spk1.scp")[key])
    assert_only(validate_dir(directory), "enrollment is not the target", "error", key, "both are")


def test_a_copy_of_the_only_talker_is_no_enrollment(dirs):
    directory = dirs.tse()
    key = keys_of(directory)[2]
    alone = read_scp(directory / "wav.scp")[key]
    change(directory, "spk1.scp", key, alone)
    change(directory, "enroll_spk1.scp", key, dirs.wav("copy", soundfile.read(alone)[0]))
    offenders = validate_dir(directory)["enrollment is not the target"].offenders
    assert [where for where, _ in offenders] == [key]


def test_regions_of_one_utterance_overlap(dirs):
    directory = dirs.tse()
    key, *others = keys_of(directory)
    regions = {other: "u 0 1 u 1.5 2.5" for other in others}
    write_scp(directory / "utt2regions", {**regions, key: "u 0 2 u 1.5 3"})
    name = "enrollment and target disjoint in time"
    assert_only(validate_dir(directory), name, "error", key, "overlapping by 0.50 s")
    write_scp(directory / "utt2regions", {**regions, key: "u 0 2 v 0 2"})
    assert validate_dir(directory).num_errors == 0


def test_dynamic_enrollment_without_choice(dirs):
    directory = make_espnet_dir(dirs)
    pool = json.loads((directory / "spk2enroll.json").read_text())
    pool["00"] = pool["00"][:1]
    (directory / "spk2enroll.json").write_text(json.dumps(pool))
    assert_only(validate_dir(directory), "dynamic enrollment can be drawn", message="has 1 enrollment")
    (directory / "spk2enroll.json").unlink()
    assert_only(
        validate_dir(directory), "dynamic enrollment can be drawn", "error", "spk2enroll.json", "no such file"
    )


def test_train_and_test_share_a_speaker_or_a_file(dirs):
    test, train = dirs.tse(name="test"), dirs.tse(name="train")
    assert validate_dir(test, train_dir=train).num_errors == 0
    change(train, "utt2spk", keys_of(train)[0], "testspk1")
    assert_only(validate_dir(test, train_dir=train), "no speaker of train", "error", "testspk1")
    change(train, "utt2spk", keys_of(train)[0], "trainspk0")
    key = keys_of(test)[0]
    change(train, "spk1.scp", keys_of(train)[0], read_scp(test / "spk1.scp")[key])
    assert_only(validate_dir(test, train_dir=train), "no audio file of train", "error", key, "spk1.scp")


@pytest.mark.parametrize("scp", ["spk2.scp", "enroll_spk1.scp", "spk2enroll.json"])
def test_interferers_and_enrollments_are_not_heard_in_training(dirs, scp):
    test = dirs.tse(1, name="test")
    train = dirs.source({"a": [8000, 8000], "b": [8000, 8000]})
    (key,) = keys_of(test)
    heard = read_scp(train / "wav.scp")["a-1"]
    if scp == "spk2enroll.json":
        own = read_scp(test / "enroll_spk1.scp")[key]
        write_scp(test / "enroll_spk1.scp", {key: "*u1 testspk0"})
        (test / scp).write_text(json.dumps({"testspk0": [["u1", own], ["u2", heard]]}))
    else:
        change(test, scp, key, heard)
    found = validate_dir(test, train_dir=train)["no audio file of train"].offenders
    assert found == [("u2" if scp == "spk2enroll.json" else key, f"{scp}: '{heard}' is in {train} too")]
    (test / "protocol").write_text("speakers: of the training set\n")
    report = validate_dir(test, train_dir=train)
    assert bool(report["no audio file of train"].offenders) == (scp == "spk2.scp")


def test_what_training_may_draw_is_heard_in_training(dirs):
    test, train = dirs.tse(1, name="test"), dirs.tse(1, name="train")
    own = read_scp(test / "spk1.scp")[keys_of(test)[0]]
    (train / "spk2enroll.json").write_text(json.dumps({"trainspk0": [["u1", own]]}))
    assert validate_dir(test, train_dir=train).num_errors == 0  # it draws none
    write_scp(train / "enroll_spk1.scp", {keys_of(train)[0]: "*u2 trainspk0"})
    report = validate_dir(test, train_dir=train)
    assert_only(report, "no audio file of train", "error", keys_of(test)[0], "spk1.scp")


def test_mixture_is_not_the_sum(dirs):
    directory = dirs.tse()
    key = keys_of(directory)[1]
    samples = soundfile.read(read_scp(directory / "spk2.scp")[key])[0]
    change(directory, "spk2.scp", key, dirs.wav("quieter", samples * 0.9))
    name = "mixture = sum of its sources"
    assert_only(validate_dir(directory), name, "warning", key, "residual -2")  # nobody said all is listed
    (directory / "protocol").write_text("list: x\nkind: clean\n")
    assert_only(validate_dir(directory), name, "error", key)
    assert validate_dir(directory, AudioLimits(sum_error_db=-10)).num_errors == 0
    # With the noise listed, the sum is right again.
    noise = {
        k: dirs.wav(f"none/{k}", np.zeros(soundfile.info(read_scp(directory / "wav.scp")[k]).frames))
        for k in keys_of(directory)
    }
    noise[key] = dirs.wav("rest", samples * 0.1)
    write_scp(directory / "noise1.scp", noise)
    report = validate_dir(directory)
    assert report[name].status == "ok" and report.num_errors == 0


@pytest.mark.parametrize("scp", ["wav.scp", "spk1.scp", "enroll_spk1.scp"])
def test_unreadable_file(dirs, scp):
    directory = dirs.tse()
    key = keys_of(directory)[0]
    change(directory, scp, key, "nowhere.wav")
    assert_only(validate_dir(directory), "audio readable", "error", key, "nowhere.wav")


def test_sample_rate_channels_and_emptiness(dirs):
    directory = dirs.tse()
    key = keys_of(directory)[1]
    change(directory, "enroll_spk1.scp", key, dirs.wav("fast", np.ones(8000) * 0.1, rate=16000))
    assert_only(validate_dir(directory), "sample rate", "error", key, "16000 Hz, but 8000 Hz")
    change(directory, "enroll_spk1.scp", key, dirs.wav("stereo", np.ones((8000, 2)) * 0.1))
    assert_only(validate_dir(directory), "one channel", "error", key, "2 channels")
    change(directory, "enroll_spk1.scp", key, dirs.wav("empty", np.ones(0)))
    report = validate_dir(directory)
    assert report["not empty"].offenders[0][0] == key
    report = validate_dir(dirs.tse(name="other"), AudioLimits(sample_rate=16000))
    assert len(report["sample rate"].offenders) == 16


def test_lengths(dirs):
    directory = dirs.tse()
    key = keys_of(directory)[1]
    change(directory, "spk1.scp", key, dirs.wav("short", np.ones(900) * 0.1))
    name = "length of sources = mixture"
    assert_only(validate_dir(directory), name, "error", key, "spk1.scp: 900 samples, the mixture has 8200")
    directory = dirs.tse(name="other")
    key = keys_of(directory)[1]
    change(directory, "enroll_spk1.scp", key, dirs.wav("brief", np.ones(3000) * 0.1))
    assert_only(validate_dir(directory), "enrollment >= 0.5 s", "warning", key, "0.38 s")
    change(directory, "enroll_spk1.scp", key, dirs.wav("longer", np.ones(5000) * 0.1))
    change(directory, "utt2num_samples", key, 77)
    assert_only(validate_dir(directory), "utt2num_samples is true", "error", key, "says 77")


def test_nan_silence_and_clipping(dirs):
    directory = dirs.tse()
    key = keys_of(directory)[1]
    samples = np.ones(8000) * 0.1
    samples[7] = np.nan
    change(directory, "enroll_spk1.scp", key, dirs.wav("nan", samples, subtype="FLOAT"))
    assert_only(validate_dir(directory), "no NaN or infinity", "error", key, "1 samples")
    assert validate_dir(directory, AudioLimits(full=False)).num_errors == 0
    change(directory, "enroll_spk1.scp", key, dirs.wav("silent", np.zeros(8000)))
    assert_only(validate_dir(directory), "not silent (> -70 dBFS)", "error", key, "-inf dBFS")
    change(
        directory,
        "enroll_spk1.scp",
        key,
        dirs.wav("clipped", np.clip(np.sin(np.arange(8000)) * 2, -1, 0.99997)),
    )
    assert_only(validate_dir(directory), "not clipped", "warning", key, "% of the samples")
    change(directory, "enroll_spk1.scp", key, dirs.wav("int", 2e4 * np.sin(np.arange(8000)), subtype="FLOAT"))
    assert_only(validate_dir(directory), "full scale is 1", "error", key, "samples reach 20000")


@pytest.mark.parametrize(
    "lengths, mixing, offender, message",
    [
        ({"a": [800], "b": [800, 900]}, "", "a", "a single utterance"),
        ({"a": [800, 900]}, "", "mixing.yaml", "mixtures of 2 from 1 speaker"),
        (
            {"a": [800, 900]},
            "{num_speakers: {1: 1.0}, target_absent: 0.1}",
            "mixing.yaml",
            "mixtures of 2 from 1 speaker",
        ),
        (
            {"a": [800, 900], "b": [800, 900]},
            "sir: 3",
            "mixing.yaml",
            "unknown 'sir' (did you mean 'sir_db'?)",
        ),
    ],
)
def test_source_directories(dirs, lengths, mixing, offender, message):
    assert_only(
        validate_dir(dirs.source(lengths, mixing)), "mixing.yaml and its speakers", "error", offender, message
    )


@pytest.mark.parametrize("name", ["noise_scp", "rir_scp"])
def test_noise_and_rooms_of_source_directories(dirs, tmp_path, name):
    scp, tone = tmp_path / "further.scp", np.sin(np.arange(900)) * 0.1
    source = dirs.source({"a": [800, 900], "b": [800, 900]}, f"{name}: {scp}")
    assert_only(validate_dir(source), "mixing.yaml and its speakers", "error", "mixing.yaml", "further.scp")
    write_scp(scp, {"n1": dirs.wav("n1", tone), "n2": tmp_path / "none.wav"})
    assert_only(validate_dir(source), "audio readable", "error", "n2", "further.scp")
    soundfile.write(tmp_path / "n2.wav", tone, 4000)
    write_scp(scp, {"n1": dirs.wav("n1", tone), "n2": tmp_path / "n2.wav"})
    assert_only(validate_dir(source), "sample rate", "error", "n2", "4000 Hz, but 8000 Hz is wanted")
    write_scp(scp, {"n1": dirs.wav("n1", tone)})
    assert validate_dir(source).num_errors == 0


def test_a_room_impulse_response_is_quiet_but_not_silent(dirs, tmp_path):
    response = np.zeros(16000)
    response[0] = 0.01  # -82 dBFS in all
    scps = {name: tmp_path / f"{name}.scp" for name in ("noise_scp", "rir_scp")}
    source = dirs.source({"a": [800, 900], "b": [800, 900]}, f"rir_scp: {scps['rir_scp']}")
    write_scp(scps["rir_scp"], {"r": dirs.wav("r", response)})
    assert validate_dir(source).num_errors == 0
    write_scp(scps["rir_scp"], {"r": dirs.wav("nothing", np.zeros(900))})
    assert_only(validate_dir(source), "not silent (> -70 dBFS)", "error", "r", "-inf dBFS")
    (source / "mixing.yaml").write_text(f"noise_scp: {scps['noise_scp']}\n")
    write_scp(scps["noise_scp"], {"n": dirs.wav("n", response)})
    assert_only(validate_dir(source), "not silent (> -70 dBFS)", "error", "n", "-82")


def test_keys_that_cannot_name_a_file(dirs):
    directory = dirs.lists("odd", {"a/b": "s"}, wav_scp={"a/b": dirs.wav("x", np.ones(900) * 0.1)})
    (directory / "mixing.yaml").write_text("num_speakers: {1: 1}\nenrollment: same_utterance_disjoint\n")
    assert_only(validate_dir(directory), "keys are file names", "error", "a/b")


SPEC = {"sample_rate": 8000, "hop_length": 100, "num_codebooks": 2, "codebook_size": 16, "embedding_dim": 4}


@pytest.fixture
def coded(dirs, tmp_path):
    """A set with codes; returns both folders."""
    directory, codes_dir = dirs.tse(), tmp_path / "codes"
    codes_dir.mkdir()
    paths = {}
    for key, path in read_scp(directory / "spk1.scp").items():
        frames = -(-soundfile.info(path).frames // 100)
        paths[key] = codes_dir / f"{key}.npy"
        np.save(paths[key], np.zeros((frames, 2), np.int16))
    write_scp(codes_dir / "acoustic.scp", paths)
    manifest = {"sha256": "abc", "fingerprint": "f1", "spec": SPEC}
    (codes_dir / "manifest.json").write_text(json.dumps(manifest))
    return directory, codes_dir


def test_valid_codes(coded):
    directory, codes_dir = coded
    report = validate_dir(directory, codes_dir=codes_dir, codec_dir=codes_dir)
    assert report.num_errors == 0 and report["acoustic: ids in 0..15"].num_checked == 4


def test_codes_of_all_that_the_rows_hold(coded):
    directory, codes_dir = coded
    (stream,) = codes_dir.glob("*.scp")
    paths = {}
    for name, entry in audio_of(directory).items():
        paths[name] = codes_dir / f"{name}.npy"
        np.save(paths[name], np.zeros((-(-soundfile.info(entry).frames // 100), 2), np.int16))
    write_scp(stream, paths)
    report = validate_dir(directory, codes_dir=codes_dir)
    assert report.num_errors == 0 and report["acoustic: same keys"].num_checked == 3 * 4
    gone = f"{keys_of(directory)[0]}#enrollment"
    drop(codes_dir, stream.name, gone)
    report = validate_dir(directory, codes_dir=codes_dir)
    assert_only(report, "acoustic: same keys", "error", gone, "has no codes")


def test_codes_want_targets(coded):
    directory = coded[0]
    (directory / "spk1.scp").unlink()
    report = validate_dir(directory, codes_dir=coded[1])
    assert any(
        where == "spk1.scp" and "those of the targets" in what
        for check in report.checks
        for where, what in check.offenders
    )


def test_codes_of_another_length_or_range(coded):
    directory, codes_dir = coded
    first, second = keys_of(directory)[:2]
    np.save(codes_dir / f"{first}.npy", np.zeros((79, 2), np.int16))
    name = "acoustic: frames = ceil(samples / hop)"
    assert_only(
        validate_dir(directory, codes_dir=codes_dir),
        name,
        "error",
        first,
        "(79, 2), expected integers (80, 2)",
    )
    codes = np.zeros((80, 2), np.int16)
    codes[3, 1] = 16
    np.save(codes_dir / f"{first}.npy", codes)
    name = "acoustic: ids in 0..15"
    assert_only(validate_dir(directory, codes_dir=codes_dir), name, "error", first, "ids from 0 to 16")
    codes[3, 1] = 0
    np.save(codes_dir / f"{first}.npy", codes)
    drop(codes_dir, "acoustic.scp", second)
    assert_only(
        validate_dir(directory, codes_dir=codes_dir), "acoustic: same keys", "error", second, "has no codes"
    )


def test_codec_identity(coded, tmp_path):
    directory, codes_dir = coded
    name = "codec identity of the codes"
    other = tmp_path / "codec"
    other.mkdir()
    (other / "manifest.json").write_text(json.dumps({"sha256": "xyz", "fingerprint": "f1", "spec": SPEC}))
    report = validate_dir(directory, codes_dir=codes_dir, codec_dir=other)
    assert_only(report, name, "error", "manifest.json", "sha256 of the codes is abc")
    for content, message in (
        (
            {"sha256": "abc", "fingerprint": "f1", "spec": {**SPEC, "sample_rate": 16000}},
            "a codec of 16000 Hz",
        ),
        ({"sha256": "abc", "spec": SPEC}, "lacks fingerprint"),
        ({"sha256": "abc", "fingerprint": "f1", "spec": {}}, "want sizes by name"),
        ({"sha256": "abc", "fingerprint": "f1", "streams": {}, "format_version": 2}, "no sample rate in Hz"),
        ({"sha256": "abc", "fingerprint": "f1", "spec": SPEC, "format_version": 9}, "of a later version"),
    ):
        (codes_dir / "manifest.json").write_text(json.dumps(content))
        assert_only(validate_dir(directory, codes_dir=codes_dir), name, "error", "manifest.json", message)
    (codes_dir / "manifest.json").unlink()
    assert_only(
        validate_dir(directory, codes_dir=codes_dir),
        name,
        "error",
        "manifest.json",
        "no such file; train or import a codec (stage 4), then encode the targets (stage 5)",
    )


def test_the_table_shows_the_first_offenders_and_how_to_mend():
    report = Report("d", "mixtures", 9)
    check = report.check("rule", "do this")
    check.num_checked = 9
    for number in range(9):
        check.offend(f"key{number}", "is wrong")
    text = report.render()
    assert f"key{SHOWN_OFFENDERS - 1}: is wrong" in text and f"key{SHOWN_OFFENDERS}:" not in text
    assert f"and {9 - SHOWN_OFFENDERS} more" in text and "fix: do this" in text and "9 of 9" in text
    assert "INVALID: 1 check(s) failed" in text


@pytest.mark.parametrize(
    "path, utterance",
    [
        ("s2/1089-134686-0000_121-127105-0031.wav", "121-127105-0031"),
        ("s2/050a050b_0.0050422_443c020a_-0.0050422.wav", "443c020a"),
        ("s1_anechoic/050a050b_1e-05_443c020a_-1e-05.wav", "050a050b"),
        ("mix/050a050b_1_443c020a_-1.wav", "050a050b_1_443c020a_-1"),
        ("s3/050a050b_1_443c020a_-1.wav", "050a050b_1_443c020a_-1"),
        ("s1/s1_001.wav", "s1_001"),
    ],
)
def test_utterances_of_sources_are_found_in_their_names(path, utterance):
    assert utterance_of(path) == utterance

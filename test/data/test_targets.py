"""Rows of every target of a mixture, and who speaks in them."""

import json
from pathlib import Path

import numpy as np
import soundfile

from espnet_tse.data.formatting import FormatConf, format_shard, merge_shards
from espnet_tse.data.scp_fields import read_tse_dir, speakers_of
from espnet_tse.data.static_dataset import StaticDataset
from espnet_tse.data.targets import target_numbers, with_all_targets
from espnet_tse.data.validation import validate_dir
from espnet_tse.io.scp import read_scp, write_scp


def espnet_dir(dirs, num_rows: int = 3):
    """As ESPnet2's tse1 recipes write it: two enrollments a mixture, ``utt2spk`` repeats the key."""
    directory = dirs.tse(num_rows)
    keys = list(read_scp(directory / "wav.scp"))
    enrollments = {key: dirs.wav(f"e2/{key}", dirs.noise(6000, row)) for row, key in enumerate(keys)}
    write_scp(directory / "enroll_spk2.scp", enrollments)
    for name in ("utt2spk", "spk2utt"):
        write_scp(directory / name, {key: key for key in keys})
    for name in ("one", "two"):
        number = {"one": 1, "two": 2}[name]
        write_scp(directory / f"text_spk{number}", {key: name for key in keys})
    return directory, keys


def test_both_speakers_of_a_mixture_are_targets(dirs):
    directory, keys = espnet_dir(dirs)
    names = ("wav.scp", "spk1.scp", "spk2.scp", "enroll_spk1.scp", "enroll_spk2.scp")
    lists = {name: read_scp(directory / name) for name in names}
    rows = read_tse_dir(directory)
    assert [row.key for row in rows] == sorted(f"{key}#spk{n}" for key in keys for n in (1, 2))
    for row in rows:
        key, number = row.key.split("#spk")
        other = "2" if number == "1" else "1"
        assert (row.mixture, row.target) == (lists["wav.scp"][key], lists[f"spk{number}.scp"][key])
        assert row.interferers == (lists[f"spk{other}.scp"][key],)
        assert row.enrollment == lists[f"enroll_spk{number}.scp"][key] and row.speaker is None


def test_stage_2_writes_a_row_for_each_target(dirs, tmp_path):
    directory, keys = espnet_dir(dirs)
    output, conf = tmp_path / "dump", FormatConf(8000)
    for shard in (1, 2):
        format_shard(directory, output, conf, shard, 2)
    assert merge_shards(directory, output, conf, 2) == 2 * len(keys)
    assert read_tse_dir(output) == read_tse_dir(directory)
    assert not (output / "enroll_spk2.scp").exists()  # or the rows would have two targets again
    texts = [read_scp(output / f"text_spk{n}")[f"{keys[0]}#spk2"] for n in (1, 2)]
    assert texts == ["two", "one"]
    assert validate_dir(output).num_errors == 0, validate_dir(output).render()


def test_a_directory_of_espnet_is_valid_and_whole(dirs):
    directory, keys = espnet_dir(dirs)
    report = validate_dir(directory)
    assert report.num_errors == 0, report.render()
    assert report["enrollment is not the target"].num_checked == 2 * len(keys)
    assert report["mixture = sum of its sources"].num_checked == len(keys)
    write_scp(directory / "enroll_spk2.scp", read_scp(directory / "spk2.scp"))
    offenders = validate_dir(directory)["enrollment is not the target"].offenders
    assert [key for key, _ in offenders] == [f"{key}#spk2" for key in keys]


def test_speakers_come_from_dynamic_enrollments(dirs):
    directory, keys = espnet_dir(dirs)
    pool = {
        f"s{n}": [[f"s{n}-{i}", str(dirs.wav(f"pool{n}{i}", dirs.noise(5000, 9 * n + i)))] for i in range(2)]
        for n in range(3)
    }
    (directory / "spk2enroll.json").write_text(json.dumps(pool))
    for number in (1, 2):
        speakers = {key: f"s{(row + number) % 3}" for row, key in enumerate(keys)}
        starred = {key: f"*{speaker}-0 {speaker}" for key, speaker in speakers.items()}
        write_scp(directory / f"enroll_spk{number}.scp", starred)
    assert speakers_of(directory) == ["s0", "s1", "s2"]
    dataset = StaticDataset(directory, seed=0, crop_s=0.2)
    spoken = {row.key: row.speaker for row in dataset.rows}
    assert len(dataset) == 2 * len(keys) and dataset.speaker_numbers == {"s0": 0, "s1": 1, "s2": 2}
    assert (spoken[f"{keys[0]}#spk1"], spoken[f"{keys[0]}#spk2"]) == ("s1", "s2")


def test_unknown_speakers_are_no_classes(dirs):
    directory, _ = espnet_dir(dirs)
    assert speakers_of(directory) == []
    assert StaticDataset(directory, seed=0, crop_s=0.2).speaker_numbers == {}


def test_lists_of_the_first_target_say_nothing_of_the_second():
    stems = ("wav", "spk1", "spk2", "enroll_spk1", "enroll_spk2")
    lists = {**{f"{stem}.scp": {"a": stem} for stem in stems}, "utt2spk": {"a": "A"}}
    lists |= {"utt2activity": {"a": "none"}, "utt2interferer": {"a": "B"}, "utt2sir": {"a": "5.0"}}
    lists |= {"utt2enrollspk": {"a": "A"}, "utt2category": {"a": "FM"}}
    expanded = with_all_targets(lists)
    assert expanded["utt2activity"] == {"a#spk1": "none", "a#spk2": "unknown"}
    assert expanded["utt2category"] == {"a#spk1": "FM", "a#spk2": "FM"}
    assert not expanded.keys() & {"utt2interferer", "utt2sir", "utt2enrollspk"}


def test_a_single_target_keeps_its_keys():
    lists = {name: {"a": name} for name in ("wav.scp", "spk1.scp", "spk2.scp", "enroll_spk1.scp")}
    assert target_numbers(lists) == [1] and with_all_targets(lists) is lists


def test_the_other_sources_keep_their_order():
    stems = ("spk", "enroll_spk", "dereverb")
    names = ["wav.scp", "noise1.scp", *(f"{stem}{n}.scp" for stem in stems for n in (1, 2, 3))]
    lists = {**{name: {"a": name} for name in names}, "utt2spk": {"a": "known"}}
    expanded = with_all_targets(lists)
    order = {1: 3, 2: 1, 3: 2}  # of the third target
    wanted = {f"{stem}{n}.scp": f"{stem}{order[n]}.scp" for stem in ("spk", "dereverb") for n in (1, 2, 3)}
    wanted |= {"wav.scp": "wav.scp", "noise1.scp": "noise1.scp", "enroll_spk1.scp": "enroll_spk3.scp"}
    assert {name: rows["a#spk3"] for name, rows in expanded.items()} == {**wanted, "utt2spk": "a#spk3"}
    assert expanded["utt2spk"]["a#spk1"] == "known"


def test_an_enrollment_that_is_the_target_is_found_by_utterance_and_by_content(dirs):
    directory = dirs.tse(3)
    keys = list(read_scp(directory / "wav.scp"))
    targets, enrollments = read_scp(directory / "spk1.scp"), read_scp(directory / "enroll_spk1.scp")
    source = soundfile.read(targets[keys[0]])[0]
    targets[keys[0]] = str(dirs.wav("s1/4077-1-2_5142-3-4", source))
    enrollments[keys[0]] = str(dirs.wav("s2/61-7-8_4077-1-2", dirs.noise(9000, 5)))  # cut otherwise
    padded = np.concatenate([np.zeros(50), soundfile.read(targets[keys[1]])[0], np.zeros(70)])
    enrollments[keys[1]] = str(dirs.wav("another name", padded))
    write_scp(directory / "spk1.scp", targets)
    write_scp(directory / "enroll_spk1.scp", enrollments)
    report = validate_dir(directory)
    found = dict(report["enrollment is not the target"].offenders)
    assert "both are of utterance '4077-1-2'" in found[keys[0]] and "holds the samples of" in found[keys[1]]
    assert len(found) == 2 and report.num_errors == 1
    (directory / "protocol").write_text("published: SpeakerBeam\n")
    kept = validate_dir(directory)
    assert kept.num_errors == 0 and kept["enrollment is not the target"].status == "warning"
    assert len(kept["enrollment is not the target"].offenders) == 2


def named(dirs, folder: str, enrollment: str):
    """A set whose targets are ``<folder>/00001`` and whose enrollments ``<enrollment>/00001``, row by row."""
    directory = dirs.tse(2)
    for name, stem in (("spk1.scp", folder), ("enroll_spk1.scp", enrollment)):
        made = {
            key: dirs.wav(f"{stem.format(row)}/00001", soundfile.read(path)[0])
            for row, (key, path) in enumerate(read_scp(directory / name).items())
        }
        write_scp(directory / name, made)
    return directory


def test_names_that_repeat_in_every_folder_are_compared_with_their_folder(dirs):
    check = "enrollment is not the target"
    assert not validate_dir(named(dirs, "id{}/one", "id{}/two"))[check].offenders
    assert len(validate_dir(named(dirs, "wav/id{}/one", "copy/id{}/one"))[check].offenders) == 2


def test_entries_of_an_archive_say_nothing_of_the_utterance(dirs):
    directory = dirs.tse(1)
    (key,) = read_scp(directory / "wav.scp")
    archive = dirs.root / "speech.ark"
    entries = {}
    for name in ("spk1.scp", "enroll_spk1.scp"):
        entries[name] = f"{archive}:{archive.stat().st_size if archive.exists() else 0}"
        with open(archive, "ab") as file:
            file.write(Path(read_scp(directory / name)[key]).read_bytes())
        write_scp(directory / name, {key: entries[name]})
    assert not validate_dir(directory)["enrollment is not the target"].offenders


def test_files_that_are_named_by_their_key_say_nothing_of_the_utterance(dirs):
    directory = dirs.tse(2)
    for name in ("spk1.scp", "enroll_spk1.scp"):
        made = {
            key: dirs.wav(f"{name}/{key}", soundfile.read(path)[0])
            for key, path in read_scp(directory / name).items()
        }
        write_scp(directory / name, made)
    assert not validate_dir(directory)["enrollment is not the target"].offenders

"""Lists, speakers, enrollments, codes, codecs and YAMLs that are wrong: refused with file, key and fix."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

READERS = ("validate", "format", "codec", "tokenize", "train", "extract", "score")
LIST_READ_BY = {"extract": "data/test/wav.scp", "score": "decoded/wav.scp"}


@pytest.mark.parametrize("command", READERS)
def test_keys_that_stand_twice(recipe, command):
    path = LIST_READ_BY.get(command, "data/test/spk1.scp")
    Path(path).write_text(Path(path).read_text() + "m0 audio/m0_s1.wav\n")
    recipe.refuses(command, f"{path}:3", "duplicate key 'm0'; keys must be unique")


@pytest.mark.parametrize("command", READERS)
def test_keys_without_a_value(recipe, command):
    path = LIST_READ_BY.get(command, "data/test/spk1.scp")
    Path(path).write_text("m0 audio/m0_s1.wav\nm1\n")
    recipe.refuses(command, f"{path}:2", "key 'm1' has no value; each line wants 'key value'")


@pytest.mark.parametrize("command", ["validate", "format", "tokenize", "train", "extract"])
def test_a_path_with_spaces_is_one_path(recipe, command):
    path = LIST_READ_BY.get(command, "data/test/spk1.scp")
    recipe.set_line(path, "m1", "audio/not there/m 1.wav")
    recipe.refuses(command, "m1", "audio/not there/m 1.wav")


def test_files_whose_paths_have_spaces_are_used(recipe):
    Path("audio/a folder").mkdir()
    os.rename("audio/m1_s1.wav", "audio/a folder/m 1.wav")
    recipe.set_line("data/test/spk1.scp", "m1", "audio/a folder/m 1.wav")
    for command in ("validate", "format", "tokenize"):
        code, output = recipe.run(command)
        assert code == 0, output


def test_unsorted_keys(recipe):
    lines = Path("data/test/enroll_spk1.scp").read_text().splitlines()
    Path("data/test/enroll_spk1.scp").write_text("\n".join(reversed(lines)) + "\n")
    recipe.refuses("validate", "m0: stands behind 'm1' in enroll_spk1.scp", "LC_ALL=C sort -o")


@pytest.mark.parametrize(
    "command, path, fix",
    [
        ("validate", "data/test/spk1.scp", "fix_data_dir.sh keeps the common keys"),
        ("validate", "data/test/utt2spk", "fix_data_dir.sh keeps the common keys"),
        ("train", "data/test/spk1.scp", "'espnet-tse validate data/test' lists them"),
        ("train", "codes/test/acoustic.scp", "run stage 5 (token) with --force true"),
        ("extract", "data/test/enroll_spk1.scp", "add their enrollments, or drop the keys"),
        ("score", "decoded/wav.scp", "Decode them, or pass --missing penalize"),
    ],
)
def test_lists_that_lack_a_key(recipe, command, path, fix):
    recipe.set_line(path, "m1", None)
    recipe.refuses(command, Path(path).name, "m1", fix)


@pytest.mark.parametrize(
    "command, path, fix",
    [
        ("format", "data/test/wav.scp", "run stage 1"),
        ("format", "data/test/utt2spk", "run stage 1"),
        ("tokenize", "data/test/spk1.scp", "run the stage that makes it, or fix the path"),
        ("train", "data/test/enroll_spk1.scp", "extraction wants an enrollment a key"),
        ("train", "codes/test/acoustic.scp", "run the stage that makes it, or fix the path"),
        ("extract", "data/test/enroll_spk1.scp", "run the stage that makes it, or fix the path"),
        ("score", "data/test/spk1.scp", "run the stage that makes it, or fix the path"),
    ],
)
def test_lists_that_are_missing(recipe, command, path, fix):
    Path(path).unlink()
    recipe.refuses(command, path, "no such file", fix)


def test_segments_of_recordings_that_are_not_there(recipe):
    Path("data/test/segments").write_text("m0 m0 0.0 0.2\nm1 gone 0.0 0.2\n")
    recipe.refuses("format", "data/test/segments", "key 'm1'", "'gone' is not in wav.scp; add it, or drop")


@pytest.mark.parametrize(
    "value, message",
    [("many", "key 'm1': 'many' is no number of samples"), ("-3", "'-3' is no number"), (None, "m1")],
)
def test_numbers_of_samples_that_are_none(recipe, value, message):
    recipe.set_line("data/test/utt2num_samples", "m1", value)
    recipe.refuses("filter", "data/test", "utt2num_samples", message, "run stage 2 (format) with --force true")


def test_filtering_rows_without_a_speaker(recipe):
    recipe.set_line("data/test/utt2spk", "m1", None)
    recipe.refuses("filter", "data/test/utt2spk", "lacks key 'm1'; add it")


# --- Speakers and enrollments -------------------------------------------------------------------------


def test_the_enrollment_is_the_target(recipe):
    recipe.set_line("data/test/enroll_spk1.scp", "m1", "audio/m1_s1.wav")
    recipe.refuses(
        "validate", "m1: both are 'audio/m1_s1.wav'", "enroll with another utterance of the speaker"
    )


def test_the_enrollment_is_of_another_speaker(recipe):
    recipe.set_line("data/test/enroll_spk1.scp", "m1", "audio/m0_s1.wav")
    recipe.refuses("validate", "m1: enrollment of 'ann', but the target is 'bob'", "draw the enrollment from")


@pytest.fixture
def starred(recipe):
    """Row m1 draws its enrollment from a pool."""
    recipe.set_line("data/test/enroll_spk1.scp", "m1", "*m1_s1 bob")
    pool = {"ann": [["m0_s1", "audio/m0_s1.wav"]], "bob": [["m1_s1", "audio/m1_s1.wav"]]}
    return lambda **changes: Path("data/test/spk2enroll.json").write_text(json.dumps({**pool, **changes}))


@pytest.mark.parametrize(
    "command, fix",
    [
        ("validate", "add an utterance of the speaker to spk2enroll.json"),
        ("train", "add another utterance or drop the key"),
    ],
)
def test_no_other_enrollment_to_draw(recipe, starred, command, fix):
    starred()
    recipe.refuses(command, "spk2enroll.json", "m1", "'bob'", fix)


@pytest.mark.parametrize("command", ["validate", "train"])
def test_an_unknown_speaker(recipe, starred, command):
    starred()
    recipe.set_line("data/test/enroll_spk1.scp", "m1", "*m1_s1 zoe")
    recipe.refuses(command, "spk2enroll.json", "m1", "'zoe'", "add an utterance of the")


def test_dynamic_enrollments_are_for_training(recipe, starred):
    starred()
    recipe.refuses("extract", "enroll_spk1.scp", "key 'm1'", "decoding wants one audio file a key")


@pytest.mark.parametrize(
    "command, fix",
    [
        ("validate_train", "add speakers or utterances"),
        ("train_mixing", "set 'enrollment: same_utterance_disjoint'"),
    ],
)
def test_no_partner_to_enroll_with(recipe, command, fix):
    for name in ("wav.scp", "utt2spk"):
        recipe.set_line(f"data/train/{name}", "bob-1", None)
    recipe.refuses(command, "bob", "single utterance", fix)


# --- Codes and codecs ---------------------------------------------------------------------------------


def spoil_codes(content: object) -> None:
    np.save("codes/test/acoustic/m1.npy", content, allow_pickle=True)


@pytest.mark.parametrize("command", ["validate_codes", "train"])
def test_codes_shorter_than_the_audio(recipe, command):
    spoil_codes(np.load("codes/test/acoustic/m1.npy")[:-2])
    recipe.refuses(command, "codes/test", "m1", "stage 5")


def test_training_without_codes(recipe):
    recipe.refuses(
        "train",
        "give --train_tokens and --valid_tokens acoustic=FOLDER (stage 5)",
        options="--train_tokens acoustic=null",
    )


def test_codes_beyond_the_codebook(recipe):
    spoil_codes(np.load("codes/test/acoustic/m1.npy") + 16)
    recipe.refuses("validate_codes", "codes/test", "m1: ids from 1", "run stage 5 (token) with --force true")


@pytest.mark.parametrize("command", ["validate_codes", "train"])
def test_codes_that_were_cut(recipe, command):
    path = Path("codes/test/acoustic/m1.npy")
    path.write_bytes(path.read_bytes()[:100])
    recipe.refuses(command, "m1", "codes/test/acoustic/m1.npy", "stage 5")


OTHER = "--codec_dir exp/other_codec"


@pytest.mark.parametrize(
    "command, options, fix",
    [
        ("validate_codes", "--codec exp/other_codec", "run stage 5 (token) with --force true with the codec that"),
        (
            "tokenize",
            "--codec exp/other_codec --output_dir codes/test",
            "Encode the targets again with this codec",
        ),
        ("train", OTHER, "Encode the targets again with this codec (stage 5)"),
        ("extract", OTHER, "give the codec they were encoded with"),
        ("extract_one", OTHER, "give the codec they were encoded with"),
    ],
)
def test_another_codec(recipe, command, options, fix):
    stamped = "tokenizers_of_training" if "extract" in command else "codes/test"
    recipe.refuses(command, stamped, "exp/other_codec", fix, options=options)


def test_training_on_in_the_folder_of_another_codec(recipe):
    """What the folder remembers of its own codec is not lost."""
    options = f"{OTHER} --output_dir exp/tse_nano"
    recipe.refuses("train", "codec mismatch", "exp/tse_nano/tokenizers_of_training", options=options)


# --- YAMLs --------------------------------------------------------------------------------------------

TYPO = "unknown '{}' (did you mean '{}'?)"


@pytest.mark.parametrize(
    "command, path, old, new, message, code",
    [
        ("codec", "conf/codec.yaml", "max_steps:", "max_step:", TYPO.format("max_step", "max_steps"), 1),
        ("codec", "conf/codec.yaml", "n_fft:", "n_ftt:", TYPO.format("n_ftt", "n_fft"), 1),
        ("codec", "conf/codec.yaml", "max_steps: 1", "max_steps: [1", "not readable as YAML (while", 1),
        ("train", "conf/tse.yaml", "max_epoch:", "max_epochs:", TYPO.format("max_epochs", "max_epoch"), 2),
        (
            "train",
            "conf/tse.yaml",
            "shared_transformer",
            "shared_transfomer",
            "did you mean 'shared_transformer'",
            2,
        ),
        ("train", "conf/tse.yaml", "num_mels: 64", "num_mels: [64", "fix that line", 2),
        ("train", "conf/tse.yaml", "num_mels: 64", "num_mels: many", "conf/tse.yaml", 2),
        ("train_mixing", "data/train/mixing.yaml", "sir_db", "sir_bd", TYPO.format("sir_bd", "sir_db"), 1),
        ("train_mixing", "data/train/mixing.yaml", "[-5, 5]", "[5, -5]", "sir_db: wants", 1),
        (
            "extract",
            "conf/decode.yaml",
            "length_mode",
            "lenght_mode",
            TYPO.format("lenght_mode", "length_mode"),
            1,
        ),
        ("extract", "conf/decode.yaml", "exact", "'exact", "fix that line", 1),
        ("extract", "exp/tse_nano/config.yaml", "frontend: log_mel", "frontend: [", "fix that line", 1),
        ("extract", "exp/tse_nano/config.yaml", "log_mel", "log_mal", "did you mean 'log_mel'", 1),
        (
            "extract",
            "exp/tse_nano/config.yaml",
            "tokenizers:",
            "tokens:",
            "lacks tokenizers: acoustic; give the folder of",
            1,
        ),
    ],
)
def test_typos_of_yamls(recipe, command, path, old, new, message, code):
    recipe.edit(path, old, new)
    options = f"--inference_config {path}" if "decode" in path else ""
    recipe.refuses(command, path, message, code=code, options=options)


def test_a_codec_folder_is_no_system(recipe):
    recipe.refuses(
        "pack", "exp/codec/config.yaml", "give the folder of a trained system", options="--model exp/codec"
    )


@pytest.mark.parametrize("command", ["validate", "extract", "tokenize", "score"])
def test_lists_that_name_nothing(recipe, command):
    path = {**LIST_READ_BY, "validate": "data/test/wav.scp"}.get(command, "data/test/spk1.scp")
    Path(path).write_text("\n")
    recipe.refuses(command, f"{path}: is empty")


@pytest.mark.parametrize("command", ["validate", "format", "tokenize", "extract", "train", "score"])
def test_a_byte_order_mark_is_no_part_of_a_key(recipe, command):
    for path in [*Path("data/test").glob("*"), *Path("decoded").glob("*.scp")]:
        if path.is_file() and path.suffix != ".json":
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    code, output = recipe.run(command)
    assert code == 0, output


@pytest.mark.parametrize("command", ["validate", "format", "tokenize", "extract"])
@pytest.mark.parametrize("key", ["../m1", "/tmp/m1", "a/m1", ".m1", "m" * 240])
def test_keys_that_leave_their_folder(recipe, command, key):
    for path in Path("data/test").glob("*"):
        if path.is_file():
            path.write_text(
                "".join(re.sub(r"\bm1\b(?=\s|$)", key, line) for line in path.read_text().splitlines(True))
            )
    recipe.refuses(command, f"key '{key}' cannot name a file", "Rename the key")


def test_a_transcript_may_be_empty(recipe):
    Path("data/test/text").write_text("m0 one two\nm1\n")
    for command in ("validate", "format"):
        code, output = recipe.run(command)
        assert code == 0, output
    assert Path("out/text").read_text() == "m0 one two\nm1\n"

import pytest
from system_files import leave_system_files

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.run.audio_lists import files_of_pattern, read_keys


@pytest.fixture
def outputs(tmp_path):
    for name in ("a_est.wav", "b_est.wav", "a.wav", "sub/c_est.wav"):
        (tmp_path / "wavs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "wavs" / name).touch()
    leave_system_files(tmp_path)
    return tmp_path / "wavs"


@pytest.mark.parametrize(
    "pattern, keys",
    [("{utt}_est.wav", "ab"), ("sub/{utt}_est.wav", "c"), ("{utt}.wav", ["a", "a_est", "b_est"])],
)
def test_keys_of_a_pattern(outputs, pattern, keys):
    found = files_of_pattern(outputs, pattern)
    assert sorted(found) == list(keys)
    assert all(path == str(outputs / pattern.replace("{utt}", key)) for key, path in found.items())


@pytest.mark.parametrize("pattern", ["./{utt}_est.wav", "sub//../{utt}_est.wav", ".//{utt}_est.wav"])
def test_keys_are_whole_however_the_pattern_is_written(outputs, pattern):
    assert sorted(files_of_pattern(outputs, pattern)) == ["a", "b"]


@pytest.mark.parametrize("pattern", ["est.wav", "{utt}/{utt}.wav", "/{utt}.wav"])
def test_patterns_name_the_utterance_once(outputs, pattern):
    with pytest.raises(DataError, match="with {utt} once"):
        files_of_pattern(outputs, pattern)


def test_patterns_that_find_nothing(outputs):
    with pytest.raises(
        DataError,
        match=r"holds no file '\{utt\}.flac'; fix --inf_pattern: it holds Thumbs.db, a.wav, .*, sub/",
    ):
        files_of_pattern(outputs, "{utt}.flac")
    with pytest.raises(DataError, match="no such folder"):
        files_of_pattern(outputs / "none", "{utt}.wav")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "absent").write_text("\ufeffa\nb x\n", encoding="utf-8")
    assert read_keys(tmp_path / "absent") == {"a", "b"}


def test_lists_of_another_encoding_are_refused(tmp_path):
    (tmp_path / "absent").write_text("a\n", encoding="utf-16")
    with pytest.raises(DataError, match="absent: not UTF-8"):
        read_keys(tmp_path / "absent")

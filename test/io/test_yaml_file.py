import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.io.yaml_file import read_yaml


@pytest.mark.parametrize(
    "text, fault",
    [
        ("lr: 1\nseed: 2\nlr: 3\n", "x.yaml: duplicate key 'lr', in lines 1 and 3; keep one"),
        ("lm_conf:\n  width: 8\n  width: 16\n", "x.yaml: duplicate key 'width', in lines 2 and 3"),
        ("lm_conf: {width: 8, width: 16}\n", "duplicate key 'width'"),
        ("- a\n", "want 'key: value' lines, got a list"),
    ],
)
def test_faults_are_named_with_file_and_key(tmp_path, text, fault):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(DataError, match=fault):
        read_yaml(tmp_path / "x.yaml")


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "conf").mkdir()
    with pytest.raises(DataError, match="conf: Is a directory; name a file that can be read"):
        read_yaml(tmp_path / "conf")


def test_a_key_that_overrides_a_merged_one_stands_once(tmp_path):
    text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, x: 2}\nc: {d: {<<: *b, y: 3}}\nd: {x: 1}\n"
    (tmp_path / "x.yaml").write_text(text)
    assert read_yaml(tmp_path / "x.yaml")["c"] == {"d": {"x": 2, "y": 3}}

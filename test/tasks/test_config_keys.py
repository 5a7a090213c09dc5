"""Keys of a trained system's config.yaml that nobody reads."""

import logging
import zipfile

import pytest
import yaml
from tse_system import write_system

from espnet_tse.tasks.checkpoint import load_model, read_config
from espnet_tse.tasks.config_keys import OF_TRAINING, WRITTEN, known_keys
from espnet_tse.tasks.inputs import MOVED
from espnet_tse.tasks.shipped import BASE
from espnet_tse.tasks.tse import TSETask


@pytest.fixture
def system(tmp_path):
    return write_system(tmp_path)


def add(folder, **keys):
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | keys))
    return path


def test_the_keys_are_those_that_training_writes():
    parser = TSETask.get_parser()
    options = {action.dest for action in parser._actions} - {"help"}
    assert options <= known_keys() and OF_TRAINING <= options and not OF_TRAINING & WRITTEN


def test_unknown_keys_are_told_with_the_nearest_known_one_once(system, caplog):
    path = add(system, model_cnf={"a": 1}, crop=3.0, zzzqqq=1)
    for _ in range(2):
        load_model(system)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        f"{path}: nothing reads 'crop' (did you mean 'crop_s'?), 'model_cnf' (did you mean 'model_conf'?), 'zzzqqq'; fix "
        "the name, or remove the line."
    ]


def test_an_archive_is_named_and_not_where_it_was_unpacked(system, tmp_path, caplog):
    add(system, model_cnf={})
    with zipfile.ZipFile(tmp_path / "system.zip", "w") as file:
        for path in system.rglob("*"):
            if path.is_file():
                file.write(path, path.relative_to(system))
    load_model(tmp_path / "system.zip")
    assert f"{tmp_path / 'system.zip'}/config.yaml: nothing reads 'model_cnf'" in caplog.text
    before = list(logging.getLogger().filters)
    load_model(tmp_path / "system.zip")
    assert logging.getLogger().filters == before


def test_what_training_and_earlier_releases_wrote_is_silent(system, caplog):
    everything = dict.fromkeys(known_keys() - set(yaml.safe_load((system / "config.yaml").read_text())))
    add(system, **everything)
    assert set(MOVED) <= set(everything)
    read_config(system)
    read_config(BASE)
    assert not [record for record in caplog.records if "nothing reads" in record.getMessage()]

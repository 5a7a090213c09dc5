"""Options that a training never reads are told, all of them and no other."""

import argparse

import pytest
from nano_training import options

from espnet_tse.bin import tse_train
from espnet_tse.tasks.choices import all_options
from espnet_tse.tasks.idle_options import INSTEAD
from espnet_tse.tasks.inputs import MOVED
from espnet_tse.tasks.tse import TSETask
from espnet_tse.train.options import UNSUPPORTED

# Read by the program before the training, by name from a mapping of all, or where another option says so.
ELSEWHERE = {
    "config",
    "print_config",
    "required",
    "pretrained",
    "ignore_init_mismatch",
    "exclude_weight_decay_conf",
}
ELSEWHERE |= {"preferences"}  # by the recipe, which makes the sets
ELSEWHERE |= {"wandb_project", "wandb_id", "wandb_entity", "wandb_name", *MOVED}
ELSEWHERE |= {name for option in all_options() for name in (option, f"{option}_conf")}


def test_what_a_training_never_reads_is_idle(recipe, tmp_path):
    read = set()

    class Recording(argparse.Namespace):
        def __getattribute__(self, name):
            read.add(name)
            return super().__getattribute__(name)

    class Recorded(TSETask):
        @classmethod
        def main_worker(cls, args):
            TSETask.main_worker(Recording(**vars(args)))

    command = options(recipe, tmp_path / "exp", max_epoch=1)
    Recorded.main(command)
    unread = set(vars(TSETask.get_parser().parse_args(command))) - read - {*UNSUPPORTED} - ELSEWHERE
    assert unread == {*INSTEAD}


def warnings_of(recipe, folder, caplog, *words, **conf) -> list[str]:
    caplog.clear()
    tse_train.main([*options(recipe, folder, max_epoch=1, dry_run=True, **conf), *words])
    return [message for message in caplog.messages if "have no effect here" in message]


def test_values_other_than_the_defaults_are_told_in_one_line(recipe, tmp_path, caplog):
    conf = {"iterator_type": "chunk", "chunk_length": "32000", "batch_type": "folded", "fold_length": [80000]}
    [told] = warnings_of(recipe, tmp_path / "exp", caplog, "--unused_parameters=true", **conf)
    assert told == (
        f"{tmp_path / 'exp.yaml'}: options of ESPnet that have no effect here: fold_length (--batch_size and "
        "--max_batch_s make the batches); iterator_type, chunk_length (--crop_s and --enrollment_s cut the examples); "
        "unused_parameters (--parallel says how processes share the work)"
    )


def test_defaults_are_not_told_however_they_are_written(recipe, tmp_path, caplog):
    conf = {
        "chunk_length": "500",
        "valid_batch_size": "none",
        "fold_length": [],
        "unused_parameters": "false",
    }
    assert warnings_of(recipe, tmp_path / "exp", caplog, **conf) == []


@pytest.mark.parametrize(
    "option, fix", [("multiple_iterator", "is one set"), ("collect_stats", "there are no statistics")]
)
def test_options_that_would_break_the_training_are_refused(recipe, tmp_path, capsys, option, fix):
    with pytest.raises(SystemExit) as end:
        tse_train.main([*options(recipe, tmp_path / "exp"), f"--{option}=true"])
    message = capsys.readouterr().err
    assert end.value.code == 2 and f"--{option} True is not supported" in message and fix in message

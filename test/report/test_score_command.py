import shlex
from pathlib import Path

from espnet_tse.bin.score import get_parser
from espnet_tse.report.score_command import score_command
from espnet_tse.scoring.run.options import ScoringOptions, plain_options


def test_defaults_are_left_out():
    options = {"inf_scp": "wav.scp", "inf_pattern": "{utt}.wav", "preset": "offline", "asr": ["x"]}
    options |= {"length": "ref", "missing": "error", "ref_channel": 0, "candidates": 1}
    assert score_command({"options": options}) == "espnet-tse score --inf_scp wav.scp --asr x"


def test_what_the_preset_says_is_left_out_and_what_goes_against_it_stays():
    options = {"inf_scp": "wav.scp", "preset": "usef", "length": "min", "align": "xcorr", "candidates": 8}
    assert score_command({"options": options}) == (
        "espnet-tse score --inf_scp wav.scp --preset usef --align xcorr --candidates 8"
    )


def test_what_may_stand_several_times_is_named_each_time():
    options = {"inf_scp": "w", "external": ["a=b", "c=d e"], "intf_scp": ["x", "y"], "flag": ["late"]}
    assert score_command({"options": options}) == (
        "espnet-tse score --inf_scp w --external a=b --external 'c=d e' --intf_scp x y --flag late"
    )


def test_the_command_of_a_scored_set_is_whole_and_has_only_what_was_given():
    options = {"inf_scp": "w", "length": "min", "text_norm": "basic", "unit": "word"}
    meta = {"system": "A", "test_set": "my set", "preset_overrides": {"length": "min"}, "options": options}
    assert score_command(meta, Path("a/scoring")) == (
        "espnet-tse score --inf_scp w --length min --system A --test_set 'my set' --output_dir a/scoring"
    )


def test_the_command_is_understood_by_the_parser():
    options = {"inf_scp": "w", "external": ["a=b", "c=d"], "asr": ["external:x", "external:y"], "force": True}
    words = shlex.split(score_command({"system": "A", "options": options}, Path("out")))[2:]
    args = get_parser().parse_args(words)
    assert args.external == options["external"] and args.asr == options["asr"] and args.force


def test_what_is_taken_from_the_preset_is_taken_from_it_again():
    options = {"inf_scp": "w", "preset": "laura", "asr": [], "metrics": "-sbs,-nisqa", "flag": ["-9;dB"]}
    command = score_command({"preset_overrides": {"asr": "none"}, "options": options}, Path("out"))
    args = get_parser().parse_args(shlex.split(command)[2:])
    assert (args.asr, args.metrics, args.flag) == (["none"], "-sbs,-nisqa", ["-9;dB"])
    assert "--asr" not in score_command({"preset_overrides": {}, "options": options})


def test_weights_are_found_again(tmp_path):
    options = plain_options(ScoringOptions(Path("w"), Path("out"), model_dir=tmp_path))
    args = get_parser().parse_args(shlex.split(score_command({"options": options}, Path("out")))[2:])
    assert args.model_dir == tmp_path


def test_nothing_recorded_gives_no_command():
    assert score_command({}) == ""

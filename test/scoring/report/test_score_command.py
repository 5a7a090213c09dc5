from espnet_tse.scoring.report.score_command import score_command


def test_defaults_are_left_out():
    options = {"inf_scp": "wav.scp", "inf_pattern": "{utt}.wav", "preset": "offline", "asr": ["x"]}
    options |= {"length": "ref", "missing": "error", "ref_channel": 0, "candidates": 1}
    assert score_command({"options": options}) == "espnet-tse score --inf_scp wav.scp --asr x"


def test_what_the_preset_says_is_left_out_and_what_goes_against_it_stays():
    options = {"inf_scp": "wav.scp", "preset": "usef", "length": "min", "align": "xcorr", "candidates": 8}
    assert score_command({"options": options}) == (
        "espnet-tse score --inf_scp wav.scp --preset usef --align xcorr --candidates 8"
    )


def test_nothing_recorded_gives_no_command():
    assert score_command({}) == ""

from pathlib import Path

import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.run.metric_choice import asked_by_files, drop_impossible, select_metrics
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.preset_choice import with_preset
from espnet_tse.scoring.run.presets import PRESETS


@pytest.mark.parametrize(
    "metrics, expected",
    [
        ("stoi,si_sdr", ("si_sdr", "stoi")),
        ("+pesq_nb", tuple(sorted({*PRESETS["offline"].metrics, "pesq_nb"}))),
        ("-pesq,-stoi", tuple(n for n in PRESETS["offline"].metrics if n not in ("pesq", "stoi"))),
    ],
)
def test_selection(metrics, expected):
    names, _ = select_metrics("offline", metrics)
    assert sorted(names) == sorted(expected)


@pytest.mark.parametrize(
    "files, asked",
    [
        ((), set()),
        (("utt2rtf",), {"rtf"}),
        (("activity",), {"timing_f1", "pause_leak"}),
        (("activity", "vad_activity"), {"timing_f1", "pause_leak", "timing_f1_vad"}),
    ],
)
def test_a_file_that_only_some_metrics_need_asks_for_them(files, asked):
    assert asked_by_files(options(**dict.fromkeys(files, Path("list")))) == asked
    assert set(select_metrics("offline", "", asked)[0]) == {*PRESETS["offline"].metrics, *asked}
    assert "pause_leak" not in select_metrics("offline", "-pause_leak", asked)[0]


def test_wrong_selections():
    with pytest.raises(DataError, match=r"unknown metric 'sisdr' \(did you mean 'si_sdr'"):
        select_metrics("offline", "sisdr")
    with pytest.raises(DataError, match="not both"):
        select_metrics("offline", "+pesq,stoi")
    with pytest.raises(DataError, match="--preset online: unknown; known: offline"):
        with_preset(ScoringOptions(Path("a"), Path("b"), preset="online"))


def options(**changes) -> ScoringOptions:
    return with_preset(ScoringOptions(Path("inf.scp"), Path("out"), ref_scp=Path("ref.scp"), **changes))[0]


def test_what_the_inputs_lack_is_left_out_with_its_reason():
    names, reasons = drop_impossible(("si_sdr", "si_sdr_i", "absent_leak"), set(), options(), False, {})
    assert names == ("si_sdr",) and reasons == {"si_sdr_i": "needs --mix_scp"}  # nobody expects absent_leak


def test_below_16_khz_narrow_band_takes_the_place_of_wide_band():
    assert drop_impossible(("pesq",), set(), options(), True, {})[0] == ("pesq_nb",)
    assert drop_impossible(("pesq",), set(), options(allow_upsample=True), True, {})[0] == ("pesq",)


def test_all_obstacles_come_in_one_error_and_can_be_skipped():
    wanted, recognisers = ("si_sdr", "nisqa"), {"base": "no weights"}
    with pytest.raises(DataError, match=r"(?s)no weights, or pass --skip_unavailable.*nisqa: weights nisqa"):
        drop_impossible(wanted, set(), options(), False, recognisers)
    names, reasons = drop_impossible(wanted, set(), options(skip_unavailable=True), False, recognisers)
    assert names == ("si_sdr",) and set(reasons) == {"nisqa", "wer_base"}
    with pytest.raises(DataError, match="nisqa was asked for by name but weights nisqa"):
        drop_impossible(wanted, {"nisqa"}, options(skip_unavailable=True), False, {})

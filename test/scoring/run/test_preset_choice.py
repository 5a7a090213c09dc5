from pathlib import Path

import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.scoring.measure.registry import METRICS
from espnet_tse.scoring.run.options import ScoringOptions
from espnet_tse.scoring.run.preset_choice import with_preset
from espnet_tse.scoring.run.presets import DEFAULTS, PRESETS


def options(**changes):
    return ScoringOptions(Path("inf.scp"), Path("out"), **changes)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_hold_what_exists(name):
    preset = PRESETS[name]
    assert set(preset.metrics) <= set(METRICS) and len(set(preset.metrics)) == len(preset.metrics)
    assert set(preset.options) <= set(DEFAULTS) and preset.source


def test_presets_are_the_published_ones():
    published = {"laura", "solospeech", "gentse", "unise", "mask2flow", "wesep", "usef", "versa", "real_tse"}
    assert set(PRESETS) == {"offline"} | published
    assert PRESETS["laura"].decode == "paper" and PRESETS["laura"].options == {"text_norm": "none"}
    assert {"sbs", "spk_wespeaker01", "nisqa"} <= set(PRESETS["laura"].metrics)
    assert len(PRESETS["mask2flow"].asr) == 5


def test_the_preset_fills_in_what_was_not_given():
    filled, overrides = with_preset(options(preset="versa"))
    assert (filled.length, filled.level, filled.align, filled.unit) == ("min", "peak", "none", "word")
    assert overrides == {} and filled.asr == ()
    assert with_preset(options())[0].length == "ref"


def test_what_the_user_says_goes_before_it_and_is_told():
    filled, overrides = with_preset(
        options(preset="versa", length="ref", level="peak", asr=("pocketsphinx",))
    )
    assert (filled.length, filled.level, filled.asr) == ("ref", "peak", ("pocketsphinx",))
    assert overrides == {"length": "ref"}  # a recogniser more is nothing against a preset that has none


def test_recognisers_of_a_preset_can_be_left_out():
    assert with_preset(options(preset="laura", ref_scp=Path("ref.scp")))[0].asr == ("whisper:base",)
    assert with_preset(options(preset="laura"))[0].asr == ()  # there is nothing to compare words with
    filled, overrides = with_preset(options(preset="laura", asr=("none",)))
    assert filled.asr == () and overrides == {"asr": "none"}


def test_unknown_presets():
    with pytest.raises(DataError, match="--preset online: unknown; known: offline, laura"):
        with_preset(options(preset="online"))

"""Audio that cannot be used, in every command that reads audio: refused with file, key and fix."""

from pathlib import Path
from typing import Callable

import numpy as np
import pytest
import soundfile

RATE = 16000


def noise(channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.05, (4800, channels))


def write(samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Callable[[str], None]:
    return lambda path: soundfile.write(path, samples, rate, subtype=subtype, format="WAV")


def cut_flac(path: str) -> None:
    soundfile.write(path, noise(), RATE, format="FLAC")
    Path(path).write_bytes(Path(path).read_bytes()[:6000])


SPOILS = {
    "missing": lambda path: Path(path).unlink(),
    "corrupt": lambda path: Path(path).write_bytes(b"no audio at all " * 20),
    "empty": lambda path: Path(path).write_bytes(b""),
    "cut": lambda path: Path(path).write_bytes(Path(path).read_bytes()[:5000]),
    "cut_flac": cut_flac,
    "no_samples": write(np.zeros((0, 1))),
    "nan": write(np.where(np.arange(4800) == 100, np.nan, noise()[:, 0]), subtype="FLOAT"),
    "silent": write(np.zeros(4800)),
    "stereo": write(noise(2)),
    "rate": write(noise(), rate=8000),
}
FIXES = ("fix", "make", "remove", "run stage 2", "drop", "write it again", "convert", "choose")
UNREADABLE = ["missing", "corrupt", "empty", "cut", "cut_flac", "no_samples"]
# Stage 2 fixes channels and rate, and reads of files that stay in place only the header: stage 3 reads them
# whole. Only extraction and validation mind silence, and extraction resamples.
REFUSED = {
    "validate": [*UNREADABLE, "nan", "silent", "stereo", "rate"],
    "format": [kind for kind in UNREADABLE if kind != "cut_flac"],
    "codec": [*UNREADABLE, "nan", "stereo", "rate"],
    "tokenize": [*UNREADABLE, "nan", "stereo", "rate"],
    "train": [*UNREADABLE, "nan", "stereo", "rate"],
    "extract": [*UNREADABLE, "nan", "silent", "stereo"],
    "extract_one": [*UNREADABLE, "nan", "silent", "stereo"],
}


def read_by(command: str) -> str:
    """The file of key m1 that is spoilt."""
    return {"extract": "audio/m1_mix.wav", "extract_one": "audio/m1_enroll.wav"}.get(
        command, "audio/m1_s1.wav"
    )


@pytest.mark.parametrize(
    "command, kind", [(command, kind) for command, kinds in REFUSED.items() for kind in kinds]
)
def test_unusable_audio_is_refused(recipe, command, kind):
    path = read_by(command)
    SPOILS[kind](path)
    output = recipe.refuses(command, path, *([] if command == "extract_one" else ["m1"]))
    assert any(fix in output for fix in FIXES), output


@pytest.mark.parametrize("kind", ["corrupt", "nan", "silent", "stereo"])
def test_what_a_list_holds_is_told_together_and_before_anything_is_extracted(recipe, kind):
    SPOILS[kind]("audio/m0_mix.wav")
    SPOILS[kind]("audio/m1_enroll.wav")
    Path("audio/m1_enroll.wav").rename("audio/shared.wav")
    for key in ("m0", "m1"):
        recipe.set_line("data/test/enroll_spk1.scp", key, "audio/shared.wav")
    shown = ["key 'm0', audio/shared.wav", "key 'm1', audio/shared.wav"]
    if kind == "corrupt":  # shows in the headers already
        assert "key 'm0'" in recipe.refuses("extract", "audio/m0_mix.wav")
        recipe.set_line("data/test/wav.scp", "m0", "audio/m1_mix.wav")
    else:
        shown.append("key 'm0', audio/m0_mix.wav")
    recipe.refuses("extract", f"{len(shown)} entries cannot be used:", *shown)
    assert not list(Path("out").glob("*.wav"))


def test_headers_of_a_list_are_told_together(recipe):
    for key in ("m0", "m1"):
        SPOILS["corrupt"](f"audio/{key}_mix.wav")
    recipe.refuses("extract", "2 entries cannot be used:", "key 'm0'", "key 'm1'")


def test_an_estimate_of_no_known_format_is_refused_before_it_is_computed(recipe):
    recipe.refuses(
        "extract_one", "name a file that ends in .wav or .flac", code=2, options="-o out/estimate.mp3"
    )


def test_nan_in_audio_that_stage_2_converts(recipe):
    write(np.full(4800, np.nan), rate=8000, subtype="FLOAT")("audio/m1_s1.wav")
    recipe.refuses(
        "format", "m1", "audio/m1_s1.wav", "NaN", "write it again from its source, or drop the key"
    )


def test_stage_2_mends_channels_and_rate(recipe):
    write(noise(2), rate=8000)("audio/m1_s1.wav")
    assert recipe.run("format")[0] == 0
    info = soundfile.info("out/audio/spk1/m1.flac")
    assert (info.channels, info.samplerate, info.frames) == (1, RATE, 9600)


def test_a_wav_of_a_stream_has_no_length_and_is_whole(recipe):
    content = bytearray(Path("audio/m1_s1.wav").read_bytes())
    content[4:8] = b"\xff\xff\xff\xff"
    Path("audio/m1_s1.wav").write_bytes(content)
    assert recipe.run("tokenize")[0] == 0


@pytest.mark.parametrize(
    "kind, reason",
    [("corrupt", "cannot be read"), ("nan", "NaN or infinite"), ("silent", "silent (-inf dBFS")],
)
def test_unusable_estimates_are_scored_as_failures_and_named(recipe, kind, reason):
    recipe.set_line("decoded/wav.scp", "m0", "audio/m0_s1.wav")
    SPOILS[kind]("audio/m1_mix.wav")
    code, output = recipe.run("score")
    assert code == 1 and "first 'm1', estimate: " in output and reason in output and "out/failed" in output
    lines = Path("out/failed").read_text().splitlines()
    assert len(lines) == 1 and lines[0].startswith("m1 si_sdr est ") and reason in lines[0]


@pytest.mark.parametrize("kind", ["missing", "empty", "cut"])
def test_estimates_that_are_not_there_or_not_whole_are_refused_before_scoring(recipe, kind):
    recipe.set_line("decoded/wav.scp", "m0", "audio/m0_s1.wav")
    SPOILS[kind]("audio/m1_mix.wav")
    code, output = recipe.run("score")
    assert (
        code == 1 and "key 'm1': audio/m1_mix.wav. Fix the path" in output and not Path("out/failed").exists()
    )


def test_unusable_targets_are_not_scored_and_named(recipe):
    SPOILS["cut"]("audio/m1_s1.wav")
    code, output = recipe.run("score")
    assert (
        code == 1
        and "first 'm1', ref: unreadable: 'audio/m1_s1.wav' is cut short" in output
        and "out/failed" in output
    )


@pytest.mark.parametrize("command, made", [("extract", "out/m1.wav"), ("extract_one", "out/estimate.wav")])
def test_a_quiet_mixture_in_floats_keeps_its_precision(recipe, command, made):
    quiet = 1e-4 * soundfile.read("audio/m1_mix.wav")[0]
    write(quiet, subtype="FLOAT")("audio/m1_mix.wav")
    code, output = recipe.run(command)
    assert code == 0, output
    estimate, _ = soundfile.read(made)
    # 16 bits hold multiples of 2^-15 only, a dozen values at this level.
    assert soundfile.info(made).subtype == "FLOAT" and len(np.unique(estimate)) > 1000

"""A folder of estimates says what it was made from; what does not fit is refused, and nothing is written over."""

import json

import numpy as np
import pytest
import torch
from tse_system import write_system

from espnet_tse import Extractor
from espnet_tse.io.audio import read_audio, write_audio
from espnet_tse.io.content_hash import content_hash
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.extraction import extract_file, extract_scp
from espnet_tse.tasks.extraction_merge import merge_shards
from espnet_tse.tasks.extraction_record import differing_settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_system(tmp_path_factory.mktemp("recipe"))


def noise(seconds, seed=0):
    return np.random.default_rng(seed).uniform(-0.1, 0.1, int(16000 * seconds)).astype(np.float32)


@pytest.fixture
def lists(tmp_path):
    for seed, role in enumerate(("mixture", "enrollment")):
        lines = []
        for key in "ab":
            write_audio(tmp_path / role / f"{key}.wav", noise(0.4, seed), 16000)
            lines.append(f"{key} {tmp_path / role / key}.wav\n")
        (tmp_path / f"{role}.scp").write_text("".join(lines))
    return tmp_path


def extract(lists, extractor, output="out"):
    scps = [str(lists / f"{role}.scp") for role in ("mixture", "enrollment")]
    extract_scp(extractor, *scps, lists / output, 2, None)


def test_the_same_again_goes_on(lists, folder):
    extract(lists, Extractor.from_pretrained(folder))
    (lists / "out/a.wav").unlink()
    times = (lists / "out/b.wav").stat().st_mtime_ns
    extract(lists, Extractor.from_pretrained(folder))
    assert (lists / "out/a.wav").is_file() and (lists / "out/b.wav").stat().st_mtime_ns == times
    with open(lists / "mixture.scp", "a") as mixtures, open(lists / "enrollment.scp", "a") as enrollments:
        mixtures.write(f"c {lists}/mixture/a.wav\n")
        enrollments.write(f"c {lists}/enrollment/b.wav\n")
    extract(lists, Extractor.from_pretrained(folder))  # a longer list goes on, too
    assert (lists / "out/c.wav").is_file()


def test_a_shorter_list_and_other_paths_of_the_same_recordings(lists, folder, monkeypatch):
    extractor = Extractor.from_pretrained(folder)
    extract(lists, extractor)
    decoded = (lists / "out/decode.json").read_text()
    whole = {role: (lists / f"{role}.scp").read_text() for role in ("mixture", "enrollment")}
    (lists / "mixture.scp").write_text(whole["mixture"].splitlines(keepends=True)[0])
    extract(lists, extractor)
    assert (lists / "out/decode.json").read_text() == decoded  # nothing was decoded
    monkeypatch.chdir(lists)
    for role, text in whole.items():
        (lists / f"{role}.scp").write_text(text.replace(f"{lists}/", ""))
    times = (lists / "out/b.wav").stat().st_mtime_ns
    extract(lists, extractor)
    assert (lists / "out/b.wav").stat().st_mtime_ns == times
    (lists / "mixture.scp").write_text(whole["mixture"].replace("a ", "c ", 1).splitlines(keepends=True)[0])
    (lists / "enrollment.scp").write_text(whole["enrollment"].replace("a ", "c ", 1))
    with pytest.raises(DataError, match="holds estimates by other settings"):
        extract(lists, other_settings(lists, extractor))


def other_settings(lists, extractor):
    return Extractor(extractor.model, {"level": "none"})


def other_weights(lists, extractor):
    with torch.no_grad():
        next(extractor.model.parameters()).add_(1.0)
    return extractor


def other_enrollment(lists, extractor):
    text = (lists / "enrollment.scp").read_text()
    (lists / "enrollment.scp").write_text(text.replace("enrollment/b.wav", "mixture/a.wav"))
    return extractor


def other_audio(lists, extractor):
    write_audio(lists / "mixture/b.wav", 0.5 * noise(0.4), 16000)  # as many bytes
    return extractor


def no_record(lists, extractor):
    (lists / "out/extraction.json").unlink()
    return extractor


def cut_record(lists, extractor):
    (lists / "out/extraction.json").write_text("{")
    return extractor


@pytest.mark.parametrize(
    "change, fault",
    [
        (other_settings, "out: holds estimates by other settings .level mixture_rms, now none."),
        (other_weights, "out: holds estimates of another model, or of other weights"),
        (other_enrollment, "1 estimates are of another mixture or enrollment .* first 'b'; remove .*b.wav"),
        (other_audio, "1 estimates are of another mixture or enrollment .* first 'b'"),
        (
            no_record,
            "a.wav is there already, and it is not known .* there is no extraction.json; name another",
        ),
        (cut_record, "extraction.json cannot be read"),
    ],
)
def test_what_is_of_something_else_is_refused_and_stays(lists, folder, change, fault):
    extractor = Extractor.from_pretrained(folder)
    extract(lists, extractor)
    before = {path.name: path.read_bytes() for path in (lists / "out").glob("*.wav")}
    decoded = (lists / "out/decode.json").read_text()
    with pytest.raises(DataError, match=fault):
        extract(lists, change(lists, extractor))
    assert {path.name: path.read_bytes() for path in (lists / "out").glob("*.wav")} == before
    assert (lists / "out/decode.json").read_text() == decoded


@pytest.mark.parametrize("role", ["mixture", "enrollment"])
def test_recordings_are_never_written_over(lists, folder, role):
    extractor = Extractor.from_pretrained(folder)
    before = (lists / role / "a.wav").read_bytes()
    with pytest.raises(DataError, match=f"a.wav is the {role} of 'a', which would be written over"):
        extract(lists, extractor, output=role)
    (lists / "link.wav").symlink_to(lists / role / "a.wav")
    for name in (f"{role}/a.wav", f"{role}/../{role}/a.wav", "link.wav"):
        with pytest.raises(DataError, match=f"is the {role}"):
            paths = [str(lists / name) for name in ("mixture/a.wav", "enrollment/a.wav", name)]
            extract_file(extractor, *paths)
    assert (lists / role / "a.wav").read_bytes() == before
    assert sorted(path.name for path in (lists / role).iterdir()) == ["a.wav", "b.wav"]


def test_embeddings_are_refused_by_a_system_that_hears_enrollments(lists, folder):
    np.save(lists / "vector.npy", np.zeros(4, dtype=np.float32))
    (lists / "embedding.scp").write_text(f"a {lists}/vector.npy\nb {lists}/vector.npy\n")
    scps = [str(lists / f"{role}.scp") for role in ("mixture", "enrollment")]
    with pytest.raises(
        DataError, match="embedding.scp: .* takes no embeddings .* for task tse; leave it out"
    ):
        extract_scp(
            Extractor.from_pretrained(folder), *scps, lists / "out", 2, None, str(lists / "embedding.scp")
        )
    assert not (lists / "out").exists()


@pytest.mark.parametrize("role", ["mixture", "enrollment"])
@pytest.mark.parametrize("place", [".", "1"])
def test_lists_are_never_written_over(lists, folder, role, place):
    (lists / "out" / place).mkdir(parents=True)
    scps = {name: str(lists / f"{name}.scp") for name in ("mixture", "enrollment")}
    own = scps[role] = str((lists / f"{role}.scp").rename(lists / "out" / place / "wav.scp"))
    before, extractor = (lists / "out" / place / "wav.scp").read_text(), Extractor.from_pretrained(folder)
    with pytest.raises(DataError, match="wav.scp is a list that is read, which would be written over"):
        extract_scp(extractor, *scps.values(), lists / "out", 2, (1, 1))
    if (role, place) == ("mixture", "."):
        with pytest.raises(DataError, match="wav.scp is a list that is read"):
            extract_scp(extractor, *scps.values(), lists / "out", 2, None)
        with pytest.raises(DataError, match="wav.scp is a list that is read"):
            merge_shards(lists / "out", own, 1)
    assert [path.read_text() for path in (lists / "out").rglob("*.*")] == [before]


@pytest.mark.parametrize("name", ["all.ark", "all.bin"])
def test_entries_of_an_archive_have_hashes_of_their_own(tmp_path, name):
    starts = []
    with open(tmp_path / name, "wb") as archive:
        for seed in (0, 1):
            write_audio(tmp_path / "one.wav", noise(0.1, seed), 16000)
            starts.append(archive.tell())
            archive.write((tmp_path / "one.wav").read_bytes())
    first, other = (content_hash(f"{tmp_path / name}:{start}") for start in starts)
    assert first != other


def test_the_record_names_no_times(lists, folder):
    extract(lists, Extractor.from_pretrained(folder))
    record = json.loads((lists / "out/extraction.json").read_text())
    assert len(record["model"]) == 64 and record["settings"]["level"] == "mixture_rms"
    assert sorted(record["inputs"]) == ["a", "b"]


@pytest.mark.parametrize("seconds", [0.5, 1.5])
@pytest.mark.parametrize(
    "samples, fault",
    [
        (lambda count: np.full(count, 0.2), "silence: all of its samples are 0.2, a constant offset"),
        (lambda count: 3000.0 * noise(count / 16000), "reaches 300, while full scale is 1"),
    ],
)
def test_inputs_that_are_no_signals(lists, folder, seconds, samples, fault):
    write_audio(lists / "odd.wav", samples(int(16000 * seconds)).astype(np.float32), 16000, as_float=True)
    extractor = Extractor.from_pretrained(folder, {"max_chunk_s": 1.0, "overlap_s": 0.2})
    for pair in (("odd.wav", "enrollment/a.wav"), ("mixture/a.wav", "odd.wav")):
        with pytest.raises(DataError, match=fault):
            extract_file(extractor, *(str(lists / name) for name in (*pair, "out.wav")))
    assert not (lists / "out.wav").exists()


@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_floats_that_overshoot_fit_into_flac(lists, folder, seconds, caplog):
    loud = np.sign(noise(seconds)).astype(np.float32)
    write_audio(lists / "loud.wav", loud, 44100, as_float=True)
    conf = {"max_chunk_s": 0.4, "overlap_s": 0.1, "level": "mixture_peak"}
    extractor = Extractor.from_pretrained(folder, conf)
    extract_file(extractor, *(str(lists / name) for name in ("loud.wav", "enrollment/a.wav", "out.flac")))
    estimate, rate = read_audio(lists / "out.flac")
    assert rate == 44100 and len(estimate) == len(loud) and 0.3 < np.abs(estimate).max() <= 1.0


@pytest.mark.parametrize("conf", [{"max_chunk_s": 1e-5, "overlap_s": 1e-6}, {"overlap_s": 1e-5}])
def test_chunks_without_samples_are_refused(folder, conf):
    with pytest.raises(DataError, match="max_chunk_s is 1e-05, want|overlap_s 1e-05 must lie between 0.001"):
        Extractor.from_pretrained(folder, conf)


def test_a_setting_that_an_earlier_version_did_not_have_was_off():
    earlier = {"level": "none", "seed": 1, "max_chunk_s": 15.0}
    assert not differing_settings(
        earlier, {**earlier, "against_rest": False, "candidates": 1, "corrector": None}
    )
    assert differing_settings(earlier, {**earlier, "against_rest": True}) == {"against_rest": (None, True)}
    assert differing_settings({**earlier, "refine": False}, {**earlier, "refine": None})


def test_the_enrollment_has_the_band_of_a_narrow_mixture(lists, folder, monkeypatch):
    """Or the voice would be looked for where the mixture has nothing."""
    write_audio(lists / "narrow.wav", noise(0.4)[::2], 8000)
    extractor, heard = Extractor.from_pretrained(folder), []
    original = extractor.extract
    monkeypatch.setattr(
        extractor, "extract", lambda *args, **told: heard.append(args[1][0]) or original(*args, **told)
    )
    extract_file(extractor, *(str(lists / name) for name in ("narrow.wav", "enrollment/a.wav", "out.wav")))
    power = np.abs(np.fft.rfft(heard[0])) ** 2
    assert len(heard[0]) == len(read_audio(lists / "enrollment/a.wav")[0])
    assert power[len(power) * 11 // 20 :].sum() < 1e-3 * power.sum()


def test_estimates_of_another_decoder_are_refused(lists, folder):
    """The frozen codec is no part of the model's weights, and its decoder no part of the codes' identity."""
    extractor = Extractor.from_pretrained(folder)
    extract(lists, extractor)
    with torch.no_grad():
        next(extractor.model.vocoder.codec.decoder.parameters()).add_(1.0)
    with pytest.raises(DataError, match="estimates by another codec, or another decoder of it"):
        extract(lists, extractor)
    record = json.loads((lists / "out" / "extraction.json").read_text())
    del record["codecs"]  # as of earlier versions
    (lists / "out" / "extraction.json").write_text(json.dumps(record))
    extract(lists, extractor)

"""The systems that come with the package."""

import json
import multiprocessing

import numpy as np
import pytest
import soundfile
from librispeech_stand_in import Voice, speak_chapter

from espnet_tse import Extractor
from espnet_tse.bin import extract
from espnet_tse.io.files import sha256_of
from espnet_tse.io.scp import DataError
from espnet_tse.models.latency import measured_latency
from espnet_tse.scoring.measure.si_sdr import si_sdr
from espnet_tse.tasks.checkpoint import DEFAULT_CHECKPOINT, find_system
from espnet_tse.tasks.shipped import SHIPPED

RATE = 16000
VOICES = {"woman": Voice("f2", "en-US", 60, 50, 160), "man": Voice("m3", "en-GB-x-rp", 36, 50, 150)}
SENTENCES = {  # an enrollment of two, a target of two others
    "woman": [
        ["bin blue at a one again", "set red by f two now"],
        ["lay green in k seven please", "place white with e zero soon"],
    ],
    "man": [
        ["set white in p six soon", "bin green at o three again"],
        ["place red with z nine please", "lay blue by j four now"],
    ],
}


@pytest.fixture(scope="module")
def extractors() -> dict[str, Extractor]:
    return {name: Extractor.from_pretrained(name) for name in SHIPPED}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_manifest_is_of_the_weights(extractors, name):
    extractor, folder = extractors[name], SHIPPED[name]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["weights_sha256"] == sha256_of(folder / DEFAULT_CHECKPOINT)
    count = sum(parameter.numel() for parameter in extractor.model.parameters())
    assert manifest["num_parameters"] == count <= 4_000_000
    assert manifest["sample_rate"] == extractor.sample_rate == RATE
    assert all(value.isfinite().all() for value in extractor.model.state_dict().values())


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_names_data_and_licences(name):
    card = (SHIPPED[name] / "README.md").read_text()
    for part in (
        "LibriSpeech",
        "CC BY 4.0",
        "Apache-2.0",
        "Resemblyzer",
        "SI-SDRi",
        f"{SHIPPED[name].name}.yaml",
        "speechocean762",
    ):
        assert part in card


def test_together_they_are_small():
    assert sum(path.stat().st_size for folder in SHIPPED.values() for path in folder.iterdir()) < 40e6


def test_the_first_is_taken_without_a_name(extractors):
    weights = Extractor.from_pretrained().model.state_dict()
    assert all(value.equal(weights[key]) for key, value in extractors["base"].model.state_dict().items())


def test_a_folder_here_comes_before_the_package(tmp_path, monkeypatch):
    (tmp_path / "base").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="^base"):
        Extractor.from_pretrained("base")
    Extractor.from_pretrained()  # no name, no folder here


def test_one_of_them_streams(extractors):
    rng = np.random.default_rng(0)
    mixture, enrollment = (0.1 * rng.standard_normal(round(s * RATE)).astype(np.float32) for s in (1.1, 2.0))
    stream = extractors["stream"].stream(enrollment, RATE)
    assert measured_latency(extractors["stream"].causal_extractor()) <= stream.latency <= 0.04 * RATE
    pieces = np.split(mixture, [1, 700, 701, 9000])
    estimate = np.concatenate([*map(stream.push, pieces), stream.flush()])
    whole = Extractor.from_pretrained("stream", {"level": "none"})(mixture, enrollment, RATE)
    assert np.abs(estimate - whole).max() < 1e-5 < np.abs(whole).max()


@pytest.fixture(scope="module")
def voices(tmp_path_factory) -> dict[str, list[np.ndarray]]:
    """Enrollment and target of two synthetic speakers; the synthesiser is no part of any training of the system."""
    pytest.importorskip("espeakng_loader", reason="speaks the mixtures of this test")
    folder = tmp_path_factory.mktemp("voices")
    # The synthesiser keeps a state, so each speaker has a process of its own; a fork takes what is imported as it is.
    fork = multiprocessing.get_context("fork")
    tasks = [(folder, name, voice, SENTENCES[name]) for name, voice in VOICES.items()]
    speakers = [fork.Process(target=speak_chapter, args=(task,)) for task in tasks]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()
    assert [speaker.exitcode for speaker in speakers] == [0, 0]
    return {
        name: [soundfile.read(path, dtype="float32")[0] for path in sorted((folder / name).rglob("*.flac"))]
        for name in VOICES
    }


@pytest.mark.parametrize("name, gain_db", [("base", 3), ("stream", 1)])
@pytest.mark.parametrize("wanted", VOICES)
def test_they_bring_the_enrolled_one_of_two_unseen_voices(extractors, voices, name, gain_db, wanted):
    samples = min(len(target) for _, target in voices.values())
    targets = {voice: target[:samples] / target[:samples].std() for voice, (_, target) in voices.items()}
    mixture = 0.05 * sum(targets.values())
    estimate = extractors[name](mixture, voices[wanted][0], RATE)
    assert si_sdr(targets[wanted], estimate) > si_sdr(targets[wanted], mixture) + gain_db


def test_the_command_needs_no_model(tmp_path):
    rng = np.random.default_rng(0)
    for name, seconds in (("mixture", 1.3), ("enrollment", 2.0)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(round(seconds * 8000)), 8000)
    files = [str(tmp_path / f"{name}.wav") for name in ("mixture", "enrollment", "out")]
    assert extract.main([*files[:2], "-o", files[2]]) == 0
    info = soundfile.info(files[2])
    assert (info.frames, info.samplerate) == (10400, 8000)


def test_what_was_trained_behind_one_of_them_finds_it_by_its_name(tmp_path):
    trained = {"pretrained": {"system": "base"}}
    assert find_system(tmp_path / "exp" / "tse_corrector", "system", trained) == "base"

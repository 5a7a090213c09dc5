"""Trained correctors on disk: with their system, behind another one, packed."""

import json

import numpy as np
import pytest
from nano_extractors import SYSTEMS
from tse_system import write_model, write_signal

from espnet_tse import Extractor
from espnet_tse.bin import pack as pack_bin
from espnet_tse.codec.manifest import weights_sha256
from espnet_tse.io.scp import DataError
from espnet_tse.tasks import extractor as extractor_file
from espnet_tse.tasks.checkpoint import check_corrector, load_corrector
from espnet_tse.tasks.extraction import extract_scp
from espnet_tse.tasks.extraction_record import systems_sha256

CORRECTOR = {
    "model": "corrector",
    "model_conf": {},
    "corrector": "spectral_corrector",
    "corrector_conf": {
        "width": 8,
        "multipliers": [1, 2],
        "num_blocks": 1,
        "attention_level": None,
        "n_fft": 126,
        "hop_length": 32,
    },
    "pretrained": {"system": "exp/tse_front"},
    "tokenizers": {},
}


def front() -> dict:
    extractor_conf, (speaker, speaker_conf) = SYSTEMS["td_speakerbeam"]
    return {
        "model": "discriminative",
        "model_conf": {},
        "extractor": "td_speakerbeam",
        "extractor_conf": extractor_conf,
        "speaker_encoder": speaker,
        "speaker_encoder_conf": speaker_conf,
        "tokenizers": {},
    }


@pytest.fixture
def recipe(tmp_path):
    """exp/tse_front, exp/tse_corrector of random weights."""
    for seed, (name, config) in enumerate([("tse_front", front()), ("tse_corrector", CORRECTOR)]):
        folder = tmp_path / "exp" / name
        folder.mkdir(parents=True)
        write_model(folder, config, seed)
    return tmp_path


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(int(seconds * 16000)) * 0.1).astype(np.float32)


def test_with_its_system_and_behind_it(recipe):
    both = Extractor.from_pretrained(recipe / "exp/tse_corrector")
    behind = Extractor.from_pretrained(
        recipe / "exp/tse_front", {"corrector": str(recipe / "exp/tse_corrector"), "max_chunk_s": 20.0}
    )
    front_alone = Extractor.from_pretrained(recipe / "exp/tse_front")
    estimates = [extractor(noise(0.3), noise(0.3, 1), 16000) for extractor in (both, behind, front_alone)]
    np.testing.assert_allclose(estimates[0], estimates[1], atol=1e-5)
    assert np.abs(estimates[0] - estimates[2]).max() > 1e-3


def test_packed_it_brings_its_system(recipe, tmp_path):
    before = Extractor.from_pretrained(recipe / "exp/tse_corrector")(noise(0.3), noise(0.3, 1), 16000)
    archive = tmp_path / "corrector.zip"
    pack_bin.main(["--model", str(recipe / "exp/tse_corrector"), "--output", str(archive)])
    (recipe / "exp/tse_front").rename(recipe / "elsewhere")
    with pytest.raises(DataError, match=r"the system that it runs is in none of: .*systems/system.zip"):
        Extractor.from_pretrained(recipe / "exp/tse_corrector")
    after = Extractor.from_pretrained(archive)(noise(0.3), noise(0.3, 1), 16000)
    np.testing.assert_array_equal(before, after)


def test_streams_have_no_corrector(recipe):
    conf = {"corrector": str(recipe / "exp/tse_corrector")}
    with pytest.raises(DataError, match="cannot stream; leave out corrector"):
        Extractor.from_pretrained(recipe / "exp/tse_front", conf).stream(noise(0.3), 16000)


def test_its_chunks_are_those_of_its_system(recipe):
    conf = Extractor.from_pretrained(recipe / "exp/tse_corrector").conf
    assert (conf.max_chunk_s, conf.overlap_s) == (15.0, 1.0)


def test_a_place_without_a_corrector_is_told_before_the_system_is_opened(recipe, monkeypatch):
    monkeypatch.setattr(extractor_file, "load_model", lambda *_: pytest.fail("was opened"))
    for place, fault in (
        ("tse_front", "is a Discriminative"),
        ("tse_none", "neither an exp/ folder nor a packed"),
    ):
        with pytest.raises(DataError, match=f"corrector: .*{place}.* {fault}"):
            Extractor.from_pretrained(recipe / "exp/tse_front", {"corrector": str(recipe / "exp" / place)})
    (recipe / "exp/tse_corrector/valid.loss.ave.pth").unlink()
    yaml = recipe / "decode.yaml"
    yaml.write_text(f"corrector: {recipe}/exp/tse_corrector\n")
    with pytest.raises(DataError, match="tse_corrector holds no valid.loss.ave.pth; train it"):
        Extractor.from_pretrained(recipe / "exp/tse_front", yaml)


def test_what_is_no_corrector(recipe):
    with pytest.raises(DataError, match="tse_front is a Discriminative; name a folder that model: corrector"):
        Extractor.from_pretrained(recipe / "exp/tse_front", {"corrector": str(recipe / "exp/tse_front")})
    with pytest.raises(DataError, match="exp/nothing"):
        Extractor.from_pretrained(recipe / "exp/tse_front", {"corrector": "exp/nothing"})


@pytest.mark.parametrize("packed", [False, True])
def test_a_corrector_does_not_correct_twice(recipe, packed):
    folder, place = recipe / "exp/tse_corrector", recipe / "exp/tse_corrector"
    if packed:
        place = recipe / "corrector.zip"
        pack_bin.main(["--model", str(folder), "--output", str(place)])
    with pytest.raises(DataError, match=f"corrector: {place} is this system itself; leave it out"):
        Extractor.from_pretrained(folder, {"corrector": str(place)})
    another = recipe / "exp/tse_another"
    another.mkdir()
    write_model(another, CORRECTOR, seed=5)
    assert Extractor.from_pretrained(folder, {"corrector": str(another)}).corrector is not None


def test_estimates_of_another_corrector_are_not_gone_on_with(recipe, tmp_path, monkeypatch):
    for role in ("mixture", "enrollment"):
        write_signal(tmp_path / f"{role}.wav", noise(0.3))
        (tmp_path / f"{role}.scp").write_text(f"a {tmp_path / role}.wav\n")

    def extract(place: str = str(recipe / "exp/tse_corrector")) -> None:
        conf = {"corrector": place}
        extractor = Extractor.from_pretrained(recipe / "exp/tse_front", conf)
        lists = [str(tmp_path / f"{role}.scp") for role in ("mixture", "enrollment")]
        extract_scp(extractor, *lists, tmp_path / "out", 1, None)

    extract()
    extract()  # the same again goes on
    record = json.loads((tmp_path / "out/extraction.json").read_text())
    assert record["corrector"] == weights_sha256(load_corrector(recipe / "exp/tse_corrector", "cpu"))
    with monkeypatch.context() as patch:  # and by another path
        patch.chdir(recipe)
        extract("exp/tse_corrector")
    for file in (recipe / "exp/tse_corrector").iterdir():
        if file.is_file():
            file.unlink()
    write_model(recipe / "exp/tse_corrector", CORRECTOR, seed=7)
    with pytest.raises(DataError, match="behind another system, or by another corrector"):
        extract()


def test_a_corrector_of_another_sample_rate_is_refused(recipe):
    folder = recipe / "exp/tse_slow"
    folder.mkdir()
    conf = {**CORRECTOR["corrector_conf"], "sample_rate": 8000}
    write_model(folder, {**CORRECTOR, "corrector_conf": conf}, seed=0)
    with pytest.raises(DataError, match="tse_slow works at 8000 Hz, the system at 16000 Hz"):
        Extractor.from_pretrained(recipe / "exp/tse_front", {"corrector": str(folder)})
    with pytest.raises(DataError, match="corrector is empty"):
        Extractor.from_pretrained(recipe / "exp/tse_front", {"corrector": ""})


def test_a_chunk_of_digital_silence_stays_silent(recipe):
    conf = {"corrector": str(recipe / "exp/tse_corrector"), "max_chunk_s": 0.2, "overlap_s": 0.05}
    extractor = Extractor.from_pretrained(recipe / "exp/tse_front", conf)
    mixture = np.concatenate([noise(0.4), np.zeros(12800, np.float32), noise(0.4, 2)])
    estimate = extractor(mixture, noise(0.3, 1), 16000)
    assert not estimate[10000:15000].any() and estimate[:5000].any() and estimate[-5000:].any()


def test_settings_of_its_system_are_checked_when_it_is_opened(recipe):
    with pytest.raises(DataError, match=r"system: unknown 'steps'.*settings of Discriminative"):
        Extractor.from_pretrained(recipe / "exp/tse_corrector", {"system": {"steps": 3}})


def test_the_record_tells_a_system_behind_two_correctors(recipe):
    folder = recipe / "exp/tse_second"
    folder.mkdir()
    write_model(folder, {**CORRECTOR, "pretrained": {"system": "exp/tse_corrector"}}, seed=2)
    before = systems_sha256(Extractor.from_pretrained(folder))
    front_folder = recipe / "exp/tse_front"
    for file in front_folder.glob("*.pth*"):
        file.unlink()
    write_model(front_folder, front(), seed=5)
    after = systems_sha256(Extractor.from_pretrained(folder))
    assert len(before) == len(after) == 2 and before[0] == after[0] and before[1] != after[1]


def test_the_folder_of_a_codec_is_no_corrector_and_its_keys_are_not_remarked_on(tmp_path, caplog):
    (tmp_path / "config.yaml").write_text("codec: funcodec\nmax_steps: 3\n")
    with pytest.raises(
        DataError, match="corrector: .*config.yaml: lacks .*give the folder of a trained system"
    ):
        check_corrector(tmp_path)
    assert not caplog.text

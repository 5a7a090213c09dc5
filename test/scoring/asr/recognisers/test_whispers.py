"""Three packages that run Whisper, on tiny random models: offline, and the same words every time."""

from dataclasses import replace

import numpy as np
import pytest

from espnet_tse.scoring.asr.option import parse_asr
from espnet_tse.scoring.asr.recognisers import make_recogniser

pytestmark = pytest.mark.usefixtures("no_network")

PLACES = {
    "whisper": "whisper/tiny.pt",
    "hf_whisper": "hf/whisper-tiny",
    "faster_whisper": "faster-whisper/tiny",
}


@pytest.fixture(scope="module")
def make(models):
    """make(kind, **changes of its settings) -> recogniser."""

    def make_one(kind, **changes):
        return make_recogniser(replace(parse_asr(f"{kind}:tiny"), weights=models(PLACES[kind]), **changes))

    return make_one


@pytest.mark.parametrize("kind", PLACES)
def test_strict_decoding_repeats_itself(make, kind, speech, other_speech):
    recogniser = make(kind)
    first = recogniser(speech)
    assert isinstance(first, str) and first == first.strip() != ""
    recogniser(other_speech)
    assert recogniser(speech) == first
    assert recogniser(4 * speech) == recogniser(np.clip(4 * speech, -1, 1))


def test_paper_decoding_takes_the_librarys_defaults(make, monkeypatch):
    import whisper

    seen = {}

    class Model:
        def transcribe(self, audio, **options):
            seen.update(options, dtype=audio.dtype)
            return {"text": " Hello. "}

    monkeypatch.setattr(whisper, "load_model", lambda path, device: Model())
    assert make("whisper", decode="paper")(np.zeros(16000)) == "Hello."
    assert seen == {"fp16": False, "dtype": np.float32}
    make("whisper", language="de")(np.zeros(16000))
    assert (seen["language"], seen["temperature"], seen["condition_on_previous_text"]) == ("de", 0.0, False)


def test_more_than_half_a_minute(make, speech):
    assert make("hf_whisper")(np.resize(speech, 31 * 16000)) != ""


def test_a_model_of_english_alone_is_not_told_the_language(make, models):
    recogniser = make("hf_whisper")
    assert recogniser.options["language"] == "en"

    from espnet_tse.scoring.asr.recognisers import hf_whisper

    load = hf_whisper.load_pretrained

    def monolingual(*arguments):
        model = load(*arguments)
        model.generation_config.is_multilingual = False
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hf_whisper, "load_pretrained", monolingual)
        assert "language" not in make("hf_whisper").options


def test_int8(make, speech):
    assert isinstance(make("faster_whisper", compute_type="int8")(speech), str)

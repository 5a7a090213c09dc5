import numpy as np
import pytest
import torch
from factories import make_batch
from nano_extractors import CAUSAL, nano_extractor

from espnet_tse.io.scp import DataError
from espnet_tse.models.discriminative import Discriminative, DiscriminativeConfig
from espnet_tse.schema import DecodeConf
from espnet_tse.tasks.extractor import Extractor


def stream_of(name):
    """A stream, the mixture for it, and the estimate of the whole mixture at once."""
    model, batch = Discriminative(nano_extractor(name, causal=True)), make_batch([0.1], [0.1], None)
    extractor = Extractor(model, DecodeConf(level="none"))
    enrollment = batch.enrollment[0].numpy()
    mixture = batch.mixture[0, :1501].numpy()  # no whole number of hops
    whole = extractor.extract([mixture], [enrollment], ["utt"]).waveform[0].numpy()
    return extractor.stream(enrollment, 16000), mixture, whole


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("size", [1, 7, 160, 5000])
def test_any_chunking_gives_the_estimate_of_the_whole(name, size):
    stream, mixture, whole = stream_of(name)
    chunks = [stream.push(mixture[start : start + size]) for start in range(0, len(mixture), size)]
    estimate = np.concatenate([*chunks, stream.flush()])
    np.testing.assert_allclose(estimate, whole, atol=1e-6)


@pytest.mark.parametrize("name, latency", [("td_speakerbeam", 16), ("spex_plus", 20), ("bsrnn", 64)])
def test_the_first_sample_comes_after_the_latency(name, latency):
    stream, mixture, whole = stream_of(name)
    assert stream.latency == latency and stream.latency_s == latency / 16000
    assert len(stream.push(mixture[: latency - 1])) == 0
    first = stream.push(mixture[latency - 1 : latency])
    assert len(first) == stream.extractor.hop_length
    # From then on every hop that comes in lets a hop out.
    more = stream.push(mixture[latency : latency + 10 * stream.extractor.hop_length])
    assert len(more) == 10 * stream.extractor.hop_length
    np.testing.assert_allclose(np.concatenate([first, more]), whole[: len(first) + len(more)], atol=1e-6)


def test_flush_completes_streams_of_any_length():
    for length in (0, 1, 15, 16, 17, 24, 64):
        stream, mixture, _ = stream_of("td_speakerbeam")
        estimate = np.concatenate([stream.push(mixture[:length]), stream.flush()])
        assert len(estimate) == length


@pytest.mark.parametrize("name", CAUSAL)
def test_the_state_does_not_grow(name):
    stream, mixture, _ = stream_of(name)

    def size() -> int:
        return stream.waiting.size + sum(value.numel() for value in stream.state.values())

    stream.push(mixture[:640])
    before = size()
    for start in range(640, 1280, 64):
        stream.push(mixture[start : start + 64])
    stream.push(np.tile(mixture[:1280], 5))
    assert size() == before > 0


def test_what_is_no_stream_is_refused():
    stream, mixture, _ = stream_of("td_speakerbeam")
    with pytest.raises(ValueError, match=r"shape \(N,\)"):
        stream.push(mixture[None])
    with pytest.raises(ValueError, match="finite float"):
        stream.push(np.array([np.nan], dtype=np.float32))
    stream.flush()
    with pytest.raises(ValueError, match="has ended"):
        stream.push(mixture)
    with pytest.raises(
        ValueError,
        match="Discriminative hears whole mixtures and cannot stream; .*, which td_speakerbeam, .*bsrnn.* have",
    ):
        Extractor(Discriminative(nano_extractor("bsrnn"))).stream(mixture, 16000)
    causal = Extractor(Discriminative(nano_extractor("bsrnn", causal=True)))
    with pytest.raises(ValueError, match="model's 16000 Hz"):
        causal.stream(mixture, 8000)
    with pytest.raises(ValueError, match="digital silence"):
        causal.stream(0 * mixture, 16000)


def test_a_stream_is_heard_once():
    model = Discriminative(
        nano_extractor("magnitude_mask", causal=True), DiscriminativeConfig(speeds=[1.0, 0.94])
    )
    enrollment = make_batch([0.1], [0.1], None).enrollment[0].numpy()
    with pytest.raises(DataError, match=r"a stream is heard once, as it comes; set speeds: \[1.0\]"):
        Extractor(model).stream(enrollment, 16000)
    Extractor(model, {"speeds": [1.0]}).stream(enrollment, 16000)


def test_an_estimate_that_is_not_finite_ends_the_stream():
    stream, mixture, _ = stream_of("td_speakerbeam")
    with torch.no_grad():
        next(stream.extractor.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match="the estimate by TDSpeakerBeam holds NaN or infinite samples"):
        stream.push(mixture)


def test_systems_of_other_kinds_are_refused():
    class Other(torch.nn.Module):
        sample_rate = 16000
        Decode = DecodeConf
        tasks = ("tse",)
        configs: dict = {}

        def check_systems(self, conf: DecodeConf) -> None:
            pass

        def resolved(self, conf: DecodeConf) -> DecodeConf:
            return conf

    with pytest.raises(ValueError, match="Other hears whole mixtures and cannot stream"):
        Extractor(Other()).stream(np.ones(100, dtype=np.float32), 16000)

"""Rows and spans of values: no field is lost, none is read from another row."""

from dataclasses import fields

import pytest
import torch
from factories import TableCodec, make_batch, make_codes, make_frames

from espnet_tse.schema import (
    PADDING_CODE,
    Codes,
    Conditions,
    DecodeConf,
    Frames,
    Prediction,
    Request,
    Streams,
    TSEBatch,
    Vectors,
)
from espnet_tse.schema.rows import frame_spans


def whole_batch() -> TSEBatch:
    codec = TableCodec()
    batch = make_batch([1.0, 0.6, 0.8], [0.5, 0.3, 0.4], codec)
    batch.targets["global"] = Codes(torch.arange(12).view(3, 1, 4), torch.tensor([4, 4, 4]), None)
    batch.targets["latent"] = make_frames([50, 30, 40], frame_rate=50.0)
    batch.speaker_embedding = torch.randn(3, 5)
    batch.extracted = 0.3 * batch.mixture
    batch.tasks = torch.tensor([0, 1, 0])
    return batch


def test_rows_keep_every_field():
    batch, index = whole_batch(), torch.tensor([2, 0, 2])
    taken = batch.rows(index)
    assert all(getattr(batch, field.name) is not None for field in fields(batch))  # or the test would miss it
    for name in (
        "mixture",
        "mixture_lengths",
        "enrollment",
        "enrollment_lengths",
        "target",
        "speaker",
        "speaker_embedding",
    ):
        assert torch.equal(getattr(taken, name), getattr(batch, name)[index])
    assert torch.equal(taken.extracted, batch.extracted[index])
    assert taken.keys == ["utt2", "utt0", "utt2"] and taken.sample_rate == 16000 and taken.task == "tse"
    for name, stream in batch.targets.items():
        assert torch.equal(taken.targets[name].values, stream.values[index])
        assert taken.targets[name].frame_rate == stream.frame_rate


def test_spans_cut_all_that_goes_with_time():
    batch = whole_batch()
    starts, lengths = torch.tensor([1280, 0, 6400]), torch.tensor([3200, 1600, 6400])
    cut = batch.crop(starts, lengths)
    assert cut.keys == ["utt0@1280", "utt1@0", "utt2@6400"] and cut.mixture.shape == (3, 6400)
    for row, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist())):
        for name in ("mixture", "target", "extracted"):
            signal = getattr(cut, name)[row]
            assert torch.equal(signal[:length], getattr(batch, name)[row, start : start + length])
            assert not signal[length:].any()
    assert torch.equal(cut.enrollment, batch.enrollment)
    assert torch.equal(cut.targets["global"].values, batch.targets["global"].values)
    acoustic, whole = cut.targets["acoustic"], batch.targets["acoustic"]  # 640 samples a frame
    assert acoustic.lengths.tolist() == [5, 3, 10]
    assert torch.equal(acoustic.values[0, :, :5], whole.values[0, :, 2:7])
    assert (acoustic.values[0, :, 5:] == PADDING_CODE).all()
    latent = cut.targets["latent"]  # 320 samples a frame
    assert torch.equal(
        latent.values[2, :20], batch.targets["latent"].values[2, 20:40]
    ) and latent.lengths.tolist() == [10, 5, 20]


@pytest.mark.parametrize("hop", [160, 256, 300, 640])
def test_spans_of_frames_are_those_of_whole_signals(hop):
    starts = torch.arange(0, 40) * hop
    lengths = torch.arange(1, 41) * 97
    first, count = frame_spans(starts, lengths, 16000, 16000 / hop, torch.full((40,), 10**6))
    assert torch.equal(first, torch.arange(0, 40)) and torch.equal(count, -(-lengths // hop))
    first, count = frame_spans(starts, lengths, 16000, 16000 / hop, torch.full((40,), 7))
    assert int((first + count).max()) == 7  # never beyond what there is


def test_requests_and_conditions_follow():
    given = Prediction(Streams(semantic=make_codes([50, 30], TableCodec().spec)), 7)
    request = Request(torch.tensor([32000, 19200]), ["a", "b"], DecodeConf(), given)
    taken = request.rows(torch.tensor([1, 1])).crop(
        torch.tensor([0, 6400]), torch.tensor([6400, 6400]), 16000
    )
    assert (
        taken.keys == ["b@0", "b@6400"]
        and taken.num_samples.tolist() == [6400, 6400]
        and taken.conf is request.conf
    )
    assert torch.equal(
        taken.given.streams["semantic"].values[1], given.streams["semantic"].values[1, :, 10:20]
    )
    assert Request(torch.tensor([5]), ["a"], DecodeConf()).rows(torch.tensor([0])).given is None
    vectors = Vectors(speaker=torch.randn(2, 3))
    conditions = Conditions(
        Streams(mixture=make_frames([4, 3])), vectors, mixture_num_samples=torch.tensor([9, 8])
    )
    second = conditions.rows(torch.tensor([1]))
    assert (
        torch.equal(second.vectors["speaker"][0], vectors["speaker"][1]) and second.mixture_waveform is None
    )
    assert second.mixture_num_samples.tolist() == [8]


def test_a_missing_stream_is_named():
    with pytest.raises(KeyError, match="no stream 'latent'; there are: mel"):
        Streams(mel=make_frames([3]))["latent"]


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="Frames want values"):
        Frames(torch.zeros(2, 3), torch.tensor([3, 3]), 50.0)
    with pytest.raises(ValueError, match="task 'extract' is none of"):
        TSEBatch(torch.zeros(1, 9), torch.tensor([9]), sample_rate=16000, task="extract")
    with pytest.raises(ValueError, match="sample_rate is 0"):
        TSEBatch(torch.zeros(1, 9), torch.tensor([9]), sample_rate=0)

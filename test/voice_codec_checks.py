"""What holds for every codec of voice and frame codes."""

import torch


def noise(num_samples: int, seed: int = 0) -> torch.Tensor:
    """(1, N) at a level of speech."""
    return 0.1 * torch.randn(1, num_samples, generator=torch.Generator().manual_seed(seed))


def assert_lengths(codec, num_samples: int, num_globals: int) -> None:
    """One semantic code a hop, ``num_globals`` of the voice, all of them entries, and samples of whole hops."""
    streams, frames = codec.tokenize(noise(num_samples), torch.tensor([num_samples])), -(-num_samples // 320)
    assert streams["semantic"].values.shape == (1, 1, frames)
    assert streams["global"].values.shape == (1, 1, num_globals)
    for name, codes in streams.items():
        assert 0 <= int(codes.values.min()) and int(codes.values.max()) < codec.streams[name].codebook_size
    assert streams["semantic"].lengths.tolist() == [codec.streams["semantic"].num_frames(num_samples)]
    waveform = codec.detokenize(streams)
    assert waveform.shape == (1, frames * 320) and waveform.isfinite().all()


def assert_rows_are_as_alone(codec, lengths: tuple[int, ...], atol: float, rtol: float) -> None:
    """Codes and samples of a batch are those of its rows; what stands behind a row is not read."""
    rows = [noise(length, seed)[0] for seed, length in enumerate(lengths, 1)]
    batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=7.0)
    together = codec.tokenize(batch, torch.tensor(lengths))
    waveform = codec.detokenize(together)
    for row, signal in enumerate(rows):
        alone = codec.tokenize(signal[None], torch.tensor([len(signal)]))
        for name in ("global", "semantic"):
            length = int(alone[name].lengths)
            assert torch.equal(together[name].values[row, :, :length], alone[name].values[0])
        expected = codec.detokenize(alone)[0]
        torch.testing.assert_close(waveform[row, : len(expected)], expected, atol=atol, rtol=rtol)
        assert not waveform[row, len(expected) :].any()

"""Units: features of each row alone, true nearest centroids, identity."""

import numpy as np
import pytest
import torch

from espnet_tse.codec.load import load_codec, save_codec
from espnet_tse.codec.units import CepstralUnits, CepstralUnitsConfig, slopes
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.codec import read_train_conf


def speechlike(seconds, seed=0):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(int(16000 * seconds), generator=generator)
    time = torch.arange(len(noise)) / 16000
    return (
        noise * (1 + torch.sin(2 * torch.pi * 4 * time)) * 0.1 + torch.sin(2 * torch.pi * 300 * time**2) * 0.2
    )


def fitted(num_units=8):
    units = CepstralUnits(CepstralUnitsConfig(num_units=num_units)).eval()
    features = torch.cat([units.features(speechlike(2.0, seed)[None])[0] for seed in range(4)])
    return units, features, units.fit(features, seed=0)


def test_units_are_nearest_and_every_one_is_used():
    units, features, figures = fitted()
    distances = torch.cdist(features.double(), units.centroids.double())
    assert torch.equal(units.nearest(features[None])[0], distances.argmin(dim=1))
    assert set(distances.argmin(dim=1).tolist()) == set(range(8))
    assert figures["inertia"] == pytest.approx(float(distances.min(dim=1).values.square().mean()), rel=1e-4)
    assert 1.0 < figures["perplexity"] <= 8.0


def test_a_row_is_the_same_in_any_batch_and_at_any_level():
    units, _, _ = fitted()
    rows = [speechlike(0.7), speechlike(1.23, 1), speechlike(0.01, 2)]
    lengths = torch.tensor([len(row) for row in rows])
    batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    batch[0, lengths[0] :] = 1.0  # what stands behind a row is not read
    codes = units.tokenize(batch, lengths)["semantic"]
    assert codes.lengths.tolist() == [35, 62, 1] and codes.frame_rate == 50.0
    for row, (signal, length) in enumerate(zip(rows, codes.lengths.tolist())):
        alone = units.tokenize(3.0 * signal[None], torch.tensor([len(signal)]))["semantic"]
        assert torch.equal(codes.values[row, :, :length], alone.values[0])
        assert (codes.values[row, :, length:] == -1).all()


def test_cepstra_are_normalized_over_the_utterance():
    features = CepstralUnits(CepstralUnitsConfig()).features(speechlike(2.0)[None])
    assert features.shape == (1, 100, 26)
    torch.testing.assert_close(features.mean(dim=1), torch.zeros(1, 26), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        features[..., 1:].std(dim=1, correction=0), torch.ones(1, 25), atol=1e-2, rtol=0
    )


def test_silence_has_units():
    units, _, _ = fitted()
    codes = units.tokenize(torch.zeros(1, 3200), torch.tensor([3200]))["semantic"]
    assert codes.values.shape == (1, 1, 10) and codes.values.min() >= 0


def test_slopes_are_those_of_a_line_and_its_ends_repeat():
    line = torch.arange(10.0)[None, :, None] * 3
    assert slopes(line, 2)[0, 2:-2, 0].tolist() == pytest.approx([3.0] * 6)
    assert float(slopes(line, 2)[0, 0, 0]) == pytest.approx((3 * 1 + 6 * 2) / 10)


def test_the_folder_opens_again_and_refuses_other_centroids(tmp_path):
    units, features, _ = fitted()
    config = {"codec": "cepstral_units", "codec_conf": {"num_units": 8}}
    save_codec(tmp_path, units, config, "none", {})
    opened = load_codec(tmp_path)
    assert torch.equal(opened.nearest(features[None]), units.nearest(features[None]))
    weights = torch.load(tmp_path / "model.pth", weights_only=True)
    weights["centroids"][0] += 1.0
    torch.save(weights, tmp_path / "model.pth")
    with pytest.raises(DataError, match="the file was changed or exchanged"):
        load_codec(tmp_path)


def test_too_little_speech_is_refused():
    units = CepstralUnits(CepstralUnitsConfig(num_units=8))
    with pytest.raises(ValueError, match="5 frames are too few for num_units 8"):
        units.fit(torch.zeros(5, 26), seed=0)


@pytest.mark.parametrize(
    "lines, fault",
    [
        ("codec: cepstral_units\n", "codec cepstral_units cannot be trained with objective spectral"),
        ("codec: spectral\nobjective: kmeans\n", "codec spectral cannot be trained with objective kmeans"),
        ("codec: cepstral_units\nobjective: kmeans\ncodec_conf: {num_cepstra: 90}\n", "num_cepstra must lie"),
        ("codec: cepstral_units\nobjective: kmean\n", "kmeans"),
    ],
)
def test_yamls_with_faults(tmp_path, lines, fault):
    (tmp_path / "units.yaml").write_text(lines)
    with pytest.raises(DataError, match=fault):
        read_train_conf(tmp_path / "units.yaml", {})


def test_the_fit_is_that_of_the_library():
    from sklearn.cluster import KMeans

    units, features, _ = fitted()
    other = KMeans(8, n_init=1, max_iter=100, random_state=0).fit(features.numpy())
    np.testing.assert_allclose(units.centroids.numpy(), other.cluster_centers_, rtol=1e-5, atol=1e-5)

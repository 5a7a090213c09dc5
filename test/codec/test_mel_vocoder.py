"""The mel vocoder, and Mask2Flow-TSE with it."""

import pytest
import torch
from nano_mask2flow import PARTS

from espnet_tse.codec.load import load_codec, save_codec
from espnet_tse.codec.mel_vocoder import MelVocoder, MelVocoderConfig
from espnet_tse.codec.objective import WaveformObjective, WaveformObjectiveConfig
from espnet_tse.flow.mel_flow import MelFlowDecode
from espnet_tse.schema import Frames, Streams, TSEBatch
from espnet_tse.tasks import build
from espnet_tse.tasks.build import build_model

SIZES = dict(num_mels=20, channels=16, num_blocks=1)


def new_vocoder(**conf) -> MelVocoder:
    torch.manual_seed(0)
    return MelVocoder(MelVocoderConfig(**{**SIZES, **conf}))


def tones(rows: int = 2, samples: int = 3200) -> torch.Tensor:
    time = torch.arange(samples) / 16000
    return torch.stack([torch.sin(2 * torch.pi * 200 * (row + 1) * time) for row in range(rows)])


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 3200])
def test_frames_and_samples(samples):
    vocoder = new_vocoder().eval()
    bands = vocoder.encode(tones(1, 3200)[:, :samples], torch.tensor([samples]))["mel"]
    assert bands.values.shape == (1, -(-samples // 160), 20) and bands.frame_rate == 100.0
    waveform = vocoder.decode(Streams(mel=bands))
    assert waveform.shape == (1, bands.values.size(1) * 160) and waveform.isfinite().all()


def test_batch_mates_do_not_count():
    vocoder, signal = new_vocoder().eval(), tones()
    lengths = torch.tensor([3200, 1700])
    streams = vocoder.encode(signal, lengths)
    together = vocoder.decode(streams)
    alone = vocoder.decode(vocoder.encode(signal[1:, :1700], lengths[1:]))
    torch.testing.assert_close(together[1:, : alone.size(1)], alone, atol=1e-5, rtol=1e-4)
    assert not together[1, 1760:].any()


def test_it_learns_to_make_samples():
    vocoder = new_vocoder(channels=32)
    objective = WaveformObjective(WaveformObjectiveConfig(waveform_weight=0.0), 16000)
    optimizer, losses = torch.optim.Adam(vocoder.parameters(), lr=3e-3), []
    for _ in range(40):
        result = objective(vocoder, tones(), None)
        optimizer.zero_grad()
        result.loss.backward()
        optimizer.step()
        losses.append(result.loss.item())
    assert losses[-1] < 0.6 * losses[0]
    assert float(result.target.square().mean()) == pytest.approx(1.0, rel=1e-3)


def test_huge_predictions_stay_finite():
    vocoder = new_vocoder().eval()
    bands = Frames(torch.full((1, 4, 20), 1e4), torch.tensor([4]), 100.0)
    assert vocoder.decode(Streams(mel=bands)).isfinite().all()


def test_in_mask2flow(tmp_path, monkeypatch):
    conf = {"codec": "mel_vocoder", "codec_conf": SIZES}
    save_codec(tmp_path / "vocoder", new_vocoder(), conf, "Apache-2.0", {})
    parts = {**PARTS, "model": "mask2flow_vocoder", "vocoder": "mel_vocoder"}
    model = build_model({**parts, "tokenizers": {"mel": str(tmp_path / "vocoder")}}).eval()
    assert not any("autoencoder" in name for name in model.state_dict())
    assert isinstance(load_codec(tmp_path / "vocoder"), MelVocoder)
    other = new_vocoder(hop_length=128)
    monkeypatch.setattr(build, "open_tokenizers", lambda *_: {"mel": other})
    with pytest.raises(
        ValueError, match=r"was trained on .*hop_length=128.*the system makes .*hop_length=160"
    ):
        build_model(parts)


def test_bad_sizes():
    with pytest.raises(ValueError, match="sizes of a vocoder must be positive"):
        MelVocoderConfig(channels=0)


def test_in_mask2flow_estimates_have_the_level_of_their_mixtures(tmp_path):
    conf = {"codec": "mel_vocoder", "codec_conf": SIZES}
    save_codec(tmp_path / "vocoder", new_vocoder(), conf, "Apache-2.0", {})
    parts = {**PARTS, "model": "mask2flow_vocoder", "vocoder": "mel_vocoder"}
    model = build_model({**parts, "tokenizers": {"mel": str(tmp_path / "vocoder")}}).eval()
    lengths, enrollment = torch.tensor([3200, 3200]), tones()[:1].expand(2, -1)
    mixture = tones()[:1].expand(2, -1) * torch.tensor([[0.1], [0.001]])
    batch = TSEBatch(mixture, lengths, enrollment, lengths, sample_rate=16000, keys=["a", "a"])
    loud, quiet = model.extract(batch, MelFlowDecode(level="none")).waveform
    torch.testing.assert_close(loud, 100 * quiet, rtol=1e-3, atol=1e-4)

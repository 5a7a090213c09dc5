"""The released layout of USEF-TFGridNet: the same outputs as its network, made here of ESPnet's blocks."""

import pytest
import torch
from espnet2.enh.separator.tfgridnetv2_separator import (
    AllHeadPReLULayerNormalization4DCF,
    GridNetV2Block,
    LayerNormalization4DCF,
)
from torch import Tensor, nn

from espnet_tse.bin import import_system
from espnet_tse.schema import DecodeConf, Request, TSEBatch
from espnet_tse.tasks.checkpoint import load_model

BINS, WIDTH, HEADS, HIDDEN, NARROW = 9, 4, 2, 5, 3


class Attention(nn.Module):
    """The released cross attention, under its names."""

    def __init__(self):
        super().__init__()
        for letter, size in (("Q", NARROW), ("K", NARROW), ("V", WIDTH // HEADS)):
            self.add_module(f"attn_conv_{letter}", nn.Conv2d(WIDTH, HEADS * size, 1))
            self.add_module(f"attn_norm_{letter}", AllHeadPReLULayerNormalization4DCF((HEADS, size, BINS)))
        layers = nn.Conv2d(WIDTH, WIDTH, 1), nn.PReLU(), LayerNormalization4DCF((WIDTH, BINS))
        self.attn_concat_proj = nn.Sequential(*layers)

    def forward(self, mixture: Tensor, enrollment: Tensor) -> Tensor:
        """(B, C, T, F) and (B, C, T_e, F) -> (B, C, T, F)."""
        query = self.attn_norm_Q(self.attn_conv_Q(mixture)).transpose(2, 3).flatten(3)  # (B, H, T, E * F)
        key = self.attn_norm_K(self.attn_conv_K(enrollment)).transpose(2, 3).flatten(3)
        value = self.attn_norm_V(self.attn_conv_V(enrollment)).transpose(2, 3).flatten(3)
        weights = (query @ key.transpose(2, 3) / query.size(3) ** 0.5).softmax(dim=3)
        mixed = (weights @ value).unflatten(3, (-1, BINS)).transpose(2, 3).flatten(1, 2)
        return self.attn_concat_proj(mixed)


class Released(nn.Module):
    """The released network, under its names, of which only these and the shapes are taken."""

    def __init__(self, num_blocks: int = 2):
        super().__init__()
        self.att = Attention()
        self.conv = nn.Sequential(nn.Conv2d(2, WIDTH, 3, padding=1), nn.GroupNorm(1, WIDTH))
        self.deconv = nn.ConvTranspose2d(2 * WIDTH, 2, 3, padding=1)
        sizes = (2 * WIDTH, 1, 1, BINS, HIDDEN)
        self.dual_mdl = nn.ModuleList(
            GridNetV2Block(*sizes, n_head=HEADS, approx_qk_dim=NARROW * BINS) for _ in range(num_blocks)
        )

    def encode(self, waveform: Tensor) -> Tensor:
        window = torch.hann_window(2 * (BINS - 1))
        spectrum = torch.stft(waveform, 2 * (BINS - 1), BINS - 1, window=window, return_complex=True)
        return self.conv(torch.view_as_real(spectrum).permute(0, 3, 2, 1))

    def forward(self, mixture: Tensor, enrollment: Tensor) -> Tensor:
        """(B, N) and (B, N_e) -> (B, N // hop * hop)."""
        level = mixture.std(dim=1, keepdim=True)
        maps = self.encode(mixture / level)
        wanted = self.att(maps, self.encode(enrollment / enrollment.std(dim=1, keepdim=True)))
        maps = torch.cat([maps, wanted], dim=1)
        for block in self.dual_mdl:
            maps = block(maps)
        spectrum = torch.view_as_complex(self.deconv(maps).permute(0, 3, 2, 1).contiguous())
        window = torch.hann_window(2 * (BINS - 1))
        return torch.istft(spectrum, 2 * (BINS - 1), BINS - 1, window=window) * level


@pytest.fixture
def released(tmp_path):
    """The network, and its checkpoint as published: of several devices, with an optimizer's state beside it."""
    torch.manual_seed(0)
    model = Released().eval()
    for parameter in model.parameters():
        if parameter.dim() == 1 or parameter.dim() > 3:
            nn.init.normal_(parameter, 0.3, 0.3)
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save({"epoch": 3, "model_state_dict": state, "optimizer_state": {}}, tmp_path / "temp_best.pth.tar")
    return model, tmp_path / "temp_best.pth.tar"


def command(path, folder) -> list[str]:
    words = ["usef_tfgridnet", "--checkpoint", str(path), "--output_dir", str(folder)]
    return [*words, "--sample_rate", "8000"]


def batch_of(lengths=(203, 160), enrollment_lengths=(131, 170)) -> TSEBatch:
    generator = torch.Generator().manual_seed(1)
    mixture, enrollment = (
        torch.randn(2, max(sizes), generator=generator) for sizes in (lengths, enrollment_lengths)
    )
    lengths, enrollment_lengths = torch.tensor(lengths), torch.tensor(enrollment_lengths)
    return TSEBatch(mixture, lengths, enrollment, enrollment_lengths, sample_rate=8000, keys=["a", "b"])


def test_imported_weights_extract_as_the_released_network(released, tmp_path, capsys):
    theirs, path = released
    assert import_system.main(command(path, tmp_path / "tse_x")) == 0
    assert "CC-BY-NC-4.0" in capsys.readouterr().err
    assert "CC-BY-NC-4.0" in (tmp_path / "tse_x" / "imported.json").read_text()
    batch = batch_of()
    model = load_model(tmp_path / "tse_x")
    estimate = model.estimate(batch, Request(batch.mixture_lengths, batch.keys, DecodeConf())).waveform
    for row, (length, enrolled) in enumerate(zip(batch.mixture_lengths, batch.enrollment_lengths)):
        with torch.no_grad():
            expected = theirs(
                batch.mixture[row : row + 1, :length], batch.enrollment[row : row + 1, :enrolled]
            )[0]
        torch.testing.assert_close(estimate[row, : len(expected)], expected, atol=1e-5, rtol=1e-4)
        assert not estimate[row, len(expected) :].any()


def test_weights_of_another_network_are_named(released, tmp_path, capsys):
    theirs, path = released
    state = theirs.state_dict()
    state["deconv.bias"] = torch.zeros(3)
    state["film.weight"] = torch.zeros(1)
    del state["dual_mdl.1.inter_norm.bias"]
    torch.save(state, path)
    assert import_system.main(command(path, tmp_path / "tse_x")) == 1
    said = capsys.readouterr().err
    assert "missing dual_mdl.1.inter_norm.bias" in said and "unknown film.weight" in said
    assert "deconv.bias is (3,) and should be (2,)" in said
    assert not (tmp_path / "tse_x").exists()


def test_other_weights_are_refused(tmp_path, capsys):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "a.pth")
    assert import_system.main(command(tmp_path / "a.pth", tmp_path / "tse_x")) == 1
    assert "no weights of a released USEF-TFGridNet" in capsys.readouterr().err

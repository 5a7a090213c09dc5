"""The released layout of USEF-SepFormer: the same outputs as its network, made here of PyTorch's layers under its names."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_tse.bin import import_system
from espnet_tse.layers.positional import sinusoid
from espnet_tse.schema import DecodeConf, Request, TSEBatch
from espnet_tse.tasks import sepformer_weights
from espnet_tse.tasks.checkpoint import load_model

WIDTH, HEADS, FFN, CHUNK, SIZE = 16, 2, 24, 10, 8


def holder(**modules: nn.Module) -> nn.Module:
    """A module of these names and nothing else."""
    module = nn.Module()
    for name, child in modules.items():
        module.add_module(name, child)
    return module


class Layer(nn.Module):
    """Norms behind the sums; queries see ``keys``."""

    def __init__(self):
        super().__init__()
        self.self_att = holder(att=nn.MultiheadAttention(WIDTH, HEADS, batch_first=True))
        parts = nn.Linear(WIDTH, FFN), nn.ReLU(), nn.Dropout(0.0), nn.Linear(FFN, WIDTH)
        self.pos_ffn = holder(ffn=nn.Sequential(*parts))
        self.norm1, self.norm2 = (holder(norm=nn.LayerNorm(WIDTH, eps=1e-6)) for _ in range(2))

    def forward(self, values: Tensor, keys: Tensor) -> Tensor:
        values = self.norm1.norm(values + self.self_att.att(values, keys, keys)[0])
        return self.norm2.norm(values + self.pos_ffn.ffn(values))


class Stack(nn.Module):
    def __init__(self, num_layers: int):
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(num_layers))
        self.norm = holder(norm=nn.LayerNorm(WIDTH, eps=1e-6))

    def forward(self, values: Tensor, keys: Tensor | None = None) -> Tensor:
        for layer in self.layers:
            values = layer(values, values if keys is None else keys)
        return self.norm.norm(values)


class Block(nn.Module):
    """Within, then across chunks of (B, D, K, S)."""

    def __init__(self):
        super().__init__()
        for name in ("intra", "inter"):
            self.add_module(f"{name}_mdl", Stack(2))
            self.add_module(f"{name}_linear", nn.Linear(WIDTH, WIDTH))
            self.add_module(f"{name}_norm", nn.GroupNorm(1, WIDTH, eps=1e-8))
        self.pos_enc = holder()
        self.pos_enc.register_buffer("pe", torch.zeros(1, 5, WIDTH))

    def along(self, name: str, maps: Tensor, axes: tuple[int, ...]) -> Tensor:
        """``axes`` bring (B, D, K, S) to (B, sequences, positions, D)."""
        rows = maps.permute(axes)
        hidden = rows.flatten(0, 1) + sinusoid(torch.arange(rows.size(2)), WIDTH)
        hidden = getattr(self, f"{name}_linear")(getattr(self, f"{name}_mdl")(hidden)).view(rows.shape)
        back = [axes.index(axis) for axis in range(4)]
        return getattr(self, f"{name}_norm")(hidden.permute(back).contiguous()) + maps

    def forward(self, maps: Tensor) -> Tensor:
        return self.along("inter", self.along("intra", maps, (0, 3, 2, 1)), (0, 2, 3, 1))


class Released(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = holder(conv1d=nn.Conv1d(1, WIDTH, SIZE, stride=SIZE // 2, bias=False))
        self.decoder = nn.ConvTranspose1d(WIDTH, 1, SIZE, stride=SIZE // 2, bias=False)
        self.norm_m, self.fusion_norm = (nn.GroupNorm(1, WIDTH, eps=1e-8) for _ in range(2))
        self.conv1d1, self.end_conv1x1 = (nn.Conv1d(WIDTH, WIDTH, 1, bias=False) for _ in range(2))
        self.fusion_mdl = Stack(3)
        self.film = holder(linear1=nn.Linear(WIDTH, WIDTH), linear2=nn.Linear(WIDTH, WIDTH))
        self.dual_mdl = nn.ModuleList(Block() for _ in range(2))
        self.prelu, self.conv2d = nn.PReLU(), nn.Conv2d(WIDTH, WIDTH, 1)
        self.output, self.output_gate = (nn.Sequential(nn.Conv1d(WIDTH, WIDTH, 1)) for _ in range(2))
        self.pos_enc = holder()
        self.pos_enc.register_buffer("pe", torch.zeros(1, 5, WIDTH))

    def features(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        encoded = F.relu(self.encoder.conv1d(waveform[:, None]))
        return encoded, self.conv1d1(self.norm_m(encoded)).transpose(1, 2)

    def forward(self, mixture: Tensor, enrollment: Tensor) -> Tensor:
        """(1, N), (1, N_e) -> (1, N)."""
        (encoded, values), (_, enrolled) = self.features(mixture), self.features(enrollment)
        wanted = self.fusion_mdl(values, enrolled)
        values = self.film.linear1(wanted) * values + self.film.linear2(wanted)
        values = self.fusion_norm(values.transpose(1, 2))
        frames, half = values.size(2), CHUNK // 2
        rest = CHUNK - (half + frames % CHUNK) % CHUNK
        padded = F.pad(values, (half, rest + half))
        starts = range(0, padded.size(2) - CHUNK + 1, half)
        maps = torch.stack([padded[:, :, start : start + CHUNK] for start in starts], dim=3)
        for block in self.dual_mdl:
            maps = block(maps)
        maps = self.conv2d(self.prelu(maps))
        summed = torch.zeros_like(padded)
        for index, start in enumerate(starts):
            summed[:, :, start : start + CHUNK] += maps[..., index]
        summed = summed[:, :, half : half + frames]
        mask = F.relu(self.end_conv1x1(self.output(summed).tanh() * self.output_gate(summed).sigmoid()))
        waveform = self.decoder(encoded * mask)[:, 0]
        return F.pad(waveform, (0, mixture.size(1) - waveform.size(1)))


@pytest.fixture
def released(tmp_path, monkeypatch):
    monkeypatch.setattr(sepformer_weights, "NUM_HEADS", HEADS)
    monkeypatch.setattr(sepformer_weights, "CHUNK", CHUNK)
    torch.manual_seed(0)
    model = Released().eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 0.3, 0.3)
    torch.save({"model_state_dict": model.state_dict()}, tmp_path / "temp_best.pth.tar")
    return model, tmp_path / "temp_best.pth.tar"


def command(path, folder) -> list[str]:
    words = ["usef_sepformer", "--checkpoint", str(path), "--output_dir", str(folder)]
    return [*words, "--sample_rate", "8000"]


# 104: frames and half a chunk fill whole chunks, and there is one more of nothing.
@pytest.mark.parametrize("num_samples", [203, 104])
def test_imported_weights_extract_as_the_released_network(released, tmp_path, num_samples):
    theirs, path = released
    assert import_system.main(command(path, tmp_path / "tse_x")) == 0
    model = load_model(tmp_path / "tse_x")
    mixture, enrollment = torch.randn(1, num_samples), torch.randn(1, 131)
    lengths = torch.tensor([num_samples])
    batch = TSEBatch(mixture, lengths, enrollment, torch.tensor([131]), sample_rate=8000, keys=["a"])
    with torch.no_grad():
        expected = theirs(mixture, enrollment)
    estimate = model.estimate(batch, Request(lengths, ["a"], DecodeConf())).waveform
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(estimate, expected, atol=1e-5, rtol=1e-4)


def test_weights_of_another_network_are_named(released, tmp_path, capsys):
    theirs, path = released
    state = theirs.state_dict()
    state["film.linear3.weight"] = state.pop("film.linear2.weight")
    torch.save(state, path)
    assert import_system.main(command(path, tmp_path / "tse_x")) == 1
    said = capsys.readouterr().err
    assert "missing film.linear2.weight" in said and "unknown film.linear3.weight" in said

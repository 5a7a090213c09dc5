"""The released layout of UniSE's language model: the logits of transformers' LLaMA layers under its names."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from tse_system import write_wavlm

from espnet_tse.bin import import_system
from espnet_tse.codec.load import load_codec, save_codec
from espnet_tse.codec.spectral_bicodec import SpectralBiCodec, SpectralBiCodecConfig
from espnet_tse.schema import Codes, Request, TSEBatch
from espnet_tse.tasks.checkpoint import load_model

WIDTH, ENTRIES, FEATURES = 32, 32, 16


class Released(nn.Module):
    """The released model under its names: tables, a linear layer, and LLaMA's layers in between."""

    def __init__(self, global_entries: int):
        from transformers import LlamaConfig, LlamaModel

        super().__init__()
        vocabulary = 3 + global_entries + ENTRIES
        config = LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=8,
            intermediate_size=4 * WIDTH,
            attention_dropout=0.1,
            max_position_embeddings=4096,
        )
        self.llama = (LlamaModel(config),)  # under no name: only its parts are kept
        self.layers, self.norm = self.llama[0].layers, self.llama[0].norm
        self.mix_sos_embedding, self.enroll_sos_embedding = nn.Embedding(1, WIDTH), nn.Embedding(1, WIDTH)
        self.task_embedding, self.codec_embedding = nn.Embedding(3, WIDTH), nn.Embedding(vocabulary, WIDTH)
        self.adapter = nn.Linear(FEATURES, WIDTH)
        self.output_head = nn.Linear(WIDTH, vocabulary, bias=False)
        # Of the conformer that nobody hears only that it is there.
        self.cond_input_layer, self.cond_output_layer = nn.Linear(80, 4), nn.Linear(4, WIDTH)
        self.cond_encoder = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(4, 4)])})

    def logits(self, task: int, enrollment: Tensor | None, mixture: Tensor, tokens: Tensor) -> Tensor:
        """Features (1, T, 16), tokens (1, L) from the begin of the global ones on -> (1, L, V)."""
        parts = [self.task_embedding.weight[None, task : task + 1]]
        if enrollment is not None:
            parts += [self.enroll_sos_embedding.weight[None], self.adapter(enrollment)]
        parts += [self.mix_sos_embedding.weight[None], self.adapter(mixture), self.codec_embedding(tokens)]
        hidden = self.llama[0](inputs_embeds=torch.cat(parts, dim=1)).last_hidden_state
        return self.output_head(hidden[:, -tokens.size(1) :])


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> tuple[Path, Path]:
    """Folders of a codec and of a WavLM."""
    root = tmp_path_factory.mktemp("parts")
    return write_bicodec(root / "codec", ENTRIES), write_wavlm(root / "wavlm", FEATURES, 3)


def write_bicodec(folder: Path, entries: int) -> Path:
    torch.manual_seed(0)
    sizes = {"embedding_dim": 8, "encoder_channels": 8, "encoder_blocks": 1, "decoder_channels": 8}
    config = SpectralBiCodecConfig(
        **{**sizes, "n_fft": 640, "codebook_size": entries, "decoder_blocks": 1, "voice_channels": 8},
        griffin_lim_iterations=2,
    )
    conf = {"codec": "spectral_bicodec", "codec_conf": asdict(config)}
    save_codec(folder, SpectralBiCodec(config), conf, "none", {})
    return folder


@pytest.fixture
def released(tmp_path, parts):
    torch.manual_seed(0)
    model = Released(load_codec(parts[0]).streams["global"].codebook_size).eval()
    for name, parameter in model.named_parameters():
        if "norm" in name:
            nn.init.normal_(parameter, 1.0, 0.3)
    state = {f"dnn.{name}": value for name, value in model.state_dict().items()}
    kept = {"ckpt_dir": Path("exp/ckpt"), "max_epochs": 100}  # as PyTorch Lightning keeps it
    path = tmp_path / "epoch=20.ckpt"
    torch.save({"state_dict": state, "hyper_parameters": {"config": kept}, "current_traning_step": 3}, path)
    return model, path


def command(path, codec, wavlm, folder) -> list[str]:
    options = {"--checkpoint": path, "--codec": codec, "--wavlm": wavlm, "--output_dir": folder}
    return ["unise", *(str(word) for pair in options.items() for word in pair)]


def batch_of(task: str) -> TSEBatch:
    generator = torch.Generator().manual_seed(1)
    mixture, enrollment = (torch.randn(1, size, generator=generator) for size in (4800, 6400))
    enrolled = {} if task == "sr" else dict(enrollment=enrollment, enrollment_lengths=torch.tensor([6400]))
    return TSEBatch(mixture, torch.tensor([4800]), **enrolled, sample_rate=16000, keys=["a"], task=task)


def heard(wavlm: Path, signal: Tensor | None) -> Tensor | None:
    """The mean of what goes into WavLM's layers and of what each of them gives, 160 zeros around the signal."""
    from transformers import WavLMModel

    if signal is None:
        return None
    model = WavLMModel.from_pretrained(wavlm).eval()
    peak = signal.abs().amax()
    states = model(nn.functional.pad(signal / peak, (160, 160)), output_hidden_states=True).hidden_states
    return torch.stack(states).mean(dim=0)


@torch.no_grad()
def written(theirs: Released, task: int, enrollment: Tensor | None, mixture: Tensor, spec) -> list[int]:
    """What the released model writes, always the likeliest token of the wanted stream: global, then semantic."""
    tokens = [0]
    first = 3 + spec.codebook_size
    for begin, end, number in ((3, first, spec.num_tokens), (first, first + ENTRIES, mixture.size(1))):
        for _ in range(number):
            logits = theirs.logits(task, enrollment, mixture, torch.tensor([tokens]))[0, -1]
            tokens.append(begin + int(logits[begin:end].argmax()))
        tokens.append(1)
    return tokens[:-1]


@pytest.mark.parametrize("place, task", enumerate(("sr", "tse", "rtse")))
def test_imported_weights_give_the_released_logits_and_tokens(released, parts, tmp_path, place, task):
    theirs, path = released
    assert import_system.main(command(path, *parts, tmp_path / "tse_x")) == 0
    model, batch = load_model(tmp_path / "tse_x"), batch_of(task)
    spec = model.lm.specs["global"]
    generator = torch.Generator().manual_seed(2)
    first = torch.randint(spec.codebook_size, (1, 1, spec.num_tokens), generator=generator)
    second = torch.randint(ENTRIES, (1, 1, 9), generator=generator)
    tokens = torch.tensor([[0, *(first + 3).flatten(), 1, *(second + 3 + spec.codebook_size).flatten()]])
    codes = Codes(first, torch.tensor([spec.num_tokens]), None), Codes(second, torch.tensor([9]), 50.0)
    with torch.no_grad():
        mixture, enrollment = heard(parts[1], batch.mixture), heard(parts[1], batch.enrollment)
        hidden = model.lm.hidden_states(model.conditions(batch), torch.tensor([place]), *codes)
        wanted = theirs.logits(place, enrollment, mixture, tokens)
        torch.testing.assert_close(model.lm.head(hidden), wanted, atol=1e-5, rtol=1e-4)
        request = Request(batch.mixture_lengths, ["a"], model.Decode())
        streams = model.predict(model.conditions(batch), batch, request).streams
    found = written(theirs, place, enrollment, mixture, spec)
    assert streams["global"].values.flatten().tolist() == [
        token - 3 for token in found[1 : spec.num_tokens + 1]
    ]
    assert streams["semantic"].values.flatten().tolist() == [
        token - 3 - spec.codebook_size for token in found[spec.num_tokens + 2 :]
    ]


def test_the_licences_are_said_and_kept(released, parts, tmp_path, capsys):
    _, path = released
    folder = tmp_path / "tse_x"
    assert import_system.main(command(path, *parts, folder)) == 0
    assert "BiCodec, whose codes it predicts, is CC-BY-NC-SA-4.0" in capsys.readouterr().err
    assert "CC-BY-NC-SA-4.0" in json.loads((folder / "imported.json").read_text())["licence"]


def test_missing_and_unknown_weights_are_named(released, parts, tmp_path, capsys):
    theirs, path = released
    state = theirs.state_dict()
    del state["layers.1.self_attn.k_proj.weight"]
    state["layers.1.self_attn.k_proj.bias"] = torch.zeros(2)
    state["adapter.weight"] = torch.zeros(2, FEATURES)
    torch.save(state, path)
    assert import_system.main(command(path, *parts, tmp_path / "tse_x")) == 1
    said = capsys.readouterr().err
    assert "missing layers.1.self_attn.k_proj.weight" in said
    assert "unknown layers.1.self_attn.k_proj.bias" in said
    assert "adapter.weight is (2, 16) and should be (32, 16)" in said
    assert not (tmp_path / "tse_x").exists()


def test_another_codec_or_wavlm_is_refused(released, parts, tmp_path, capsys):
    _, path = released
    codec, wavlm = parts
    other = write_bicodec(tmp_path / "other", ENTRIES // 2)
    assert import_system.main(command(path, other, wavlm, tmp_path / "tse_x")) == 1
    assert "name by --codec the import of BiCodec" in capsys.readouterr().err
    wide = write_wavlm(tmp_path / "wide", 2 * FEATURES)
    assert import_system.main(command(path, codec, wide, tmp_path / "tse_x")) == 1
    assert "was trained on features of width 16, and the WavLM has 32" in capsys.readouterr().err
    assert import_system.main(command(path, codec, tmp_path / "none", tmp_path / "tse_x")) == 1
    assert "no config.json there" in capsys.readouterr().err
    assert not (tmp_path / "tse_x").exists()


def test_weights_of_another_system_are_refused(parts, tmp_path, capsys):
    torch.save({"state_dict": {"conv.weight": torch.zeros(1)}}, tmp_path / "best.ckpt")
    assert import_system.main(command(tmp_path / "best.ckpt", *parts, tmp_path / "tse_x")) == 1
    assert "has no codec_embedding.weight" in capsys.readouterr().err


@pytest.mark.parametrize("system, option", [("unise", "wavlm"), ("solospeech_corrector", "corrects")])
def test_parts_are_named_for_the_systems_that_have_them(capsys, system, option):
    with pytest.raises(SystemExit):
        import_system.main([system, "--checkpoint", "a", "--output_dir", "b", "--codec", "c"])
    assert f"error: {system} wants --{option}\n" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        import_system.main(["solospeech_vae", "--checkpoint", "a", "--output_dir", "b", f"--{option}", "c"])
    assert f"--{option} is not for solospeech_vae; leave it out" in capsys.readouterr().err

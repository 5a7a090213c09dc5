"""The released layout of LauraTSE: the same codes' logits and embeddings as FunCodec's layers give under its names."""

import pytest
import torch
from torch import Tensor, nn

from espnet_tse.bin import import_system
from espnet_tse.codec.load import load_codec
from espnet_tse.schema import Codes, Request, TSEBatch
from espnet_tse.tasks.checkpoint import load_model
from tse_system import write_codec

MELS, WIDTH, STREAMS = 128, 16, 2
STACK = dict(output_size=WIDTH, attention_heads=2, linear_units=24, num_blocks=2, input_layer="linear")
STACK |= dict(
    normalize_before=True, rel_pos_type="latest", pos_enc_layer_type="rel_pos", use_cnn_module=False
)
STACK |= dict(selfattention_layer_type="rel_selfattn")


class Released(nn.Module):
    """The released model's parts under its names, of FunCodec's own classes."""

    def __init__(self, books: Tensor):
        from funcodec.lm.transformer_lm import TransformerEmbedLM
        from funcodec.models.audio_generation.laura_model import QuantizerCodebook
        from funcodec.models.encoder.conformer_encoder import ConformerEncoder
        from funcodec.modules.embedding import PositionalEncoding

        super().__init__()
        num_books, entries, dim = books.shape
        self.pos_emb_func = PositionalEncoding(dim, 0.1)
        self.text_encoder = ConformerEncoder(input_size=MELS, **STACK)
        self.text_enc_out_layer = nn.Linear(WIDTH, dim)
        self.lm_embedding = nn.Embedding(3, dim)
        sizes = dict(
            embed_unit=dim, att_unit=WIDTH, head=2, unit=24, layer=3, dropout_rate=0.1, codec_groups=1
        )
        sizes |= dict(pos_enc="rel_pos", selfattention_layer_type="rel_selfattn", bidirectional_inputs=True)
        vocabulary = (entries + 1) * STREAMS
        self.codec_lm = TransformerEmbedLM(vocabulary, pe_type="uni", text_vocab_size=vocabulary, **sizes)
        self.codec_encoder = ConformerEncoder(input_size=dim, **STACK)
        self.codec_encoder_out_layer = nn.Linear(WIDTH, dim)
        self.quantizer_codebook = QuantizerCodebook(num_books, entries, dim)
        self.quantizer_codebook.embed.copy_(books)
        # Its offsets of the books are those of 1024 entries, whatever the size.
        self.quantizer_codebook.codec_index_shift.div_(1024).mul_(entries)
        self.quantizer = nn.ParameterDict({"embed": torch.zeros(2)})  # stands for the idle one

    def encode(self, mel: Tensor) -> Tensor:
        hidden, _, _ = self.text_encoder(mel, torch.tensor([mel.size(1)]))
        return self.text_enc_out_layer(hidden)

    def prompt(self, mixture: Tensor, enrollment: Tensor) -> Tensor:
        """Mels (1, T, M) -> [enrollment, separator, mixture] (1, L, D)."""
        return torch.cat(
            [self.encode(enrollment), self.lm_embedding.weight[None, 2:], self.encode(mixture)], dim=1
        )

    def logits(self, prompt: Tensor, embedded: Tensor) -> Tensor:
        """Of every frame and the end: (1, T + 1, n, V + 1)."""
        begin, task = self.lm_embedding.weight[None, :1], self.lm_embedding.weight[None, 1:2]
        values = torch.cat([begin, prompt, task, embedded], dim=1)
        hidden, _ = self.codec_lm(values, torch.tensor([values.size(1)]), torch.tensor([prompt.size(1) + 1]))
        return hidden[:, prompt.size(1) + 1 :].unflatten(-1, (STREAMS, -1))

    def refine(self, prompt: Tensor, coarse: Tensor) -> Tensor:
        values = torch.cat([self.pos_emb_func(prompt), self.pos_emb_func(coarse)], dim=1)
        hidden, _, _ = self.codec_encoder(values, torch.tensor([values.size(1)]))
        return self.codec_encoder_out_layer(hidden)[:, prompt.size(1) :]


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    return write_codec(tmp_path_factory.mktemp("codec") / "codec")


@pytest.fixture
def released(tmp_path, codec):
    torch.manual_seed(0)
    model = Released(load_codec(codec).codebooks).eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1 and not name.startswith("quantizer"):
            nn.init.normal_(parameter, 0.3, 0.3)
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save({"model_state_dict": state, "epoch": 1}, tmp_path / "best.pth")
    return model, tmp_path / "best.pth"


def command(path, codec, folder) -> list[str]:
    return ["laura_tse", "--checkpoint", str(path), "--codec", str(codec), "--output_dir", str(folder)]


def test_imported_weights_give_the_released_logits_and_embeddings(released, codec, tmp_path, capsys):
    theirs, path = released
    assert import_system.main(command(path, codec, tmp_path / "tse_x")) == 0
    assert import_system.main(command(path, codec, tmp_path / "tse_x")) == 0  # over its own earlier import
    assert "Licence of the weights: not stated" in capsys.readouterr().err
    model = load_model(tmp_path / "tse_x")

    generator = torch.Generator().manual_seed(1)
    mixture, enrollment = torch.randn(1, 16000, generator=generator), torch.randn(
        1, 12000, generator=generator
    )
    lengths, enrolled = torch.tensor([16000]), torch.tensor([12000])
    batch = TSEBatch(mixture, lengths, enrollment, enrolled, sample_rate=16000, keys=["a"])
    values = torch.randint(16, (1, STREAMS, 9), generator=generator)
    codes = Codes(values, torch.tensor([9]), model.codec.spec.frame_rate)
    with torch.no_grad():
        mel = model.encoder.frontend
        prompt = theirs.prompt(mel(mixture, lengths).values, mel(enrollment, enrolled).values)
        embedded = theirs.quantizer_codebook(values.transpose(1, 2), torch.tensor([9]))
        conditions = model.conditions(batch)
        torch.testing.assert_close(
            model.lm(conditions, codes), theirs.logits(prompt, embedded.clone()), atol=1e-5, rtol=1e-4
        )
        refined = model.vocoder.refine(conditions, model.codec.embed(codes), model.separator).values
        torch.testing.assert_close(refined, theirs.refine(prompt, embedded), atol=1e-5, rtol=1e-4)
        estimate = model.estimate(batch, Request(lengths, ["a"], model.Decode()))
    assert estimate.waveform.isfinite().all()


def test_weights_over_another_codec_are_refused(released, tmp_path, capsys):
    _, path = released
    other = write_codec(tmp_path / "other", seed=1)
    assert import_system.main(command(path, other, tmp_path / "tse_x")) == 1
    assert "are not the codebooks of the codec" in capsys.readouterr().err
    assert not (tmp_path / "tse_x").exists()


def test_missing_and_unknown_weights_are_named(released, codec, tmp_path, capsys):
    theirs, path = released
    state = theirs.state_dict()
    del state["codec_lm.encoder.encoders.1.self_attn.linear_k.bias"]
    state["token_embedding.weight"] = torch.zeros(2)
    torch.save(state, path)
    assert import_system.main(command(path, codec, tmp_path / "tse_x")) == 1
    said = capsys.readouterr().err
    assert "missing codec_lm.encoder.encoders.1.self_attn.linear_k.bias" in said
    assert "unknown token_embedding.weight" in said


def test_options_of_other_systems_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        import_system.main(["laura_tse", "--checkpoint", "a", "--output_dir", "b", "--sample_rate", "8000"])
    assert "error: laura_tse wants --codec\n" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        import_system.main(
            ["laura_tse", "--checkpoint", "a", "--output_dir", "b", "--codec", "c", "--sample_rate", "8000"]
        )
    assert "--sample_rate is not for laura_tse; leave it out" in capsys.readouterr().err

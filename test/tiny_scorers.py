"""Tiny random models in the file forms that scoring loads."""

from pathlib import Path

import torch

# A clone of tarepan/SpeechMOS in miniature; its package has the name of the PyPI package with the DNSMOS files.
HUBCONF = """
dependencies = ["torch"]
import torch
from speechmos.model import Loudness

def utmos22_strong(progress=True, pretrained=True):
    assert not pretrained, "would download"
    print("noise on stdout")
    return Loudness()
"""
CLONE = """
import torch

class Loudness(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.empty(1))

    def forward(self, wave, sr):
        assert sr == 16000
        return wave.abs().mean(dim=1) * self.scale + 3
"""


def save_utmos(folder: Path) -> Path:
    """``utmos/`` of a model folder: score = mean of |x| times 2, plus 3."""
    (folder / "speechmos").mkdir(parents=True)
    (folder / "hubconf.py").write_text(HUBCONF)
    (folder / "speechmos" / "__init__.py").write_text("")
    (folder / "speechmos" / "model.py").write_text(CLONE)
    torch.save({"scale": torch.tensor([2.0])}, folder / "utmos22_strong_step7459_v1.pt")
    return folder


def save_nisqa(path: Path) -> Path:
    """``nisqa.tar`` of the published architecture, narrower."""
    from torchmetrics.functional.audio.nisqa import _NISQADIM

    args = {
        "ms_n_fft": 4096,
        "ms_hop_length": 0.01,
        "ms_win_length": 0.02,
        "ms_n_mels": 48,
        "ms_fmax": 20000,
        "ms_seg_length": 15,
        "ms_seg_hop_length": 4,
        "ms_max_segments": 1300,
        "cnn_c_out_1": 4,
        "cnn_c_out_2": 4,
        "cnn_c_out_3": 4,
        "cnn_kernel_size": (3, 3),
        "cnn_dropout": 0.2,
        "cnn_pool_1": [24, 7],
        "cnn_pool_2": [12, 5],
        "cnn_pool_3": [6, 3],
        "td_sa_d_model": 8,
        "td_sa_nhead": 1,
        "td_sa_h": 8,
        "td_sa_num_layers": 1,
        "td_sa_dropout": 0.1,
        "pool_att_h": 8,
        "pool_att_dropout": 0.1,
    }
    torch.manual_seed(0)
    model = _NISQADIM(args)
    for number, head in enumerate(model.pool_layers):  # made as copies of one
        head.model.linear3.bias.data += number + 2
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"args": args, "model_state_dict": model.state_dict()}, path)
    return path


_SPEECH_ENCODER = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}


def save_hubert(folder: Path) -> Path:
    """A HuBERT of 12 layers, 16 wide."""
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(0)
    HubertModel(HubertConfig(num_hidden_layers=12, **_SPEECH_ENCODER)).save_pretrained(folder)
    return folder


def save_wavlm_sv(folder: Path) -> Path:
    """A WavLM with an x-vector head and the published extractor settings."""
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMForXVector

    torch.manual_seed(0)
    config = WavLMConfig(
        num_hidden_layers=2,
        tdnn_dim=(8, 8, 8, 8, 16),
        xvector_output_dim=16,
        use_weighted_layer_sum=True,
        **_SPEECH_ENCODER,
    )
    WavLMForXVector(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    return folder


def save_wespeaker(path: Path) -> Path:
    """An ONNX file with WeSpeaker's input and output: the norm of each band over time.

    Written field by field (number, content) after onnx.proto, because the package onnx is needed for nothing else.
    """

    def tensor(name: bytes, *dims: bytes) -> bytes:
        shape = b"".join(_field(1, dim) for dim in dims)
        return _field(1, name) + _field(2, _field(1, _number(1, 1) + _field(2, shape)))  # 1: float

    axes = _field(1, b"axes") + _number(8, 1) + _number(20, 7)  # [1], a list of integers
    keep = _field(1, b"keepdims") + _number(3, 0) + _number(20, 2)
    node = (
        _field(1, b"feats") + _field(2, b"embs") + _field(4, b"ReduceL2") + _field(5, axes) + _field(5, keep)
    )
    inputs = tensor(b"feats", _number(1, 1), _field(2, b"T"), _number(1, 80))
    graph = _field(1, node) + _field(2, b"norms") + _field(11, inputs)
    graph += _field(12, tensor(b"embs", _number(1, 1), _number(1, 80)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_number(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, 13)))
    return path


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + _varint(value >> 7)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def save_whisper(path: Path) -> Path:
    """A checkpoint of openai-whisper with one layer, 16 wide, and the whole vocabulary."""
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(0)
    dims = ModelDimensions(
        n_mels=80,
        n_audio_ctx=1500,
        n_audio_state=16,
        n_audio_head=2,
        n_audio_layer=1,
        n_vocab=51865,
        n_text_ctx=24,
        n_text_state=16,
        n_text_head=2,
        n_text_layer=1,
    )
    model = Whisper(dims)
    torch.nn.init.normal_(model.decoder.positional_embedding)  # left empty by its constructor
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"dims": vars(dims), "model_state_dict": model.state_dict()}, path)
    return path


def save_hf_whisper(folder: Path) -> Path:
    """A Whisper of transformers with a vocabulary of single bytes."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    specials = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|translate|>"]
    specials += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    tokenizer = WhisperTokenizer(
        vocab={char: i for i, char in enumerate(sorted(ByteLevel.alphabet()))}, merges=[]
    )
    tokenizer.add_tokens(specials, special_tokens=True)
    ids = dict(zip(specials, tokenizer.convert_tokens_to_ids(specials), strict=True))
    ends = dict.fromkeys(("eos_token_id", "bos_token_id", "pad_token_id"), ids["<|endoftext|>"])
    start = {"decoder_start_token_id": ids["<|startoftranscript|>"]}
    torch.manual_seed(1)
    config = WhisperConfig(
        vocab_size=len(tokenizer) + 1501,  # and a time stamp every 20 ms
        num_mel_bins=80,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_target_positions=448,
        **ends,
        **start,
    )
    model = WhisperForConditionalGeneration(config)
    # Letters score above all else, so that the text is not empty.
    weight = torch.nn.init.zeros_(model.model.decoder.embed_tokens.weight)
    torch.nn.init.normal_(weight[64:92])
    model.generation_config = GenerationConfig(
        is_multilingual=True,
        lang_to_id={"<|en|>": ids["<|en|>"]},
        task_to_id={"transcribe": ids["<|transcribe|>"], "translate": ids["<|translate|>"]},
        no_timestamps_token_id=ids["<|notimestamps|>"],
        prev_sot_token_id=ids["<|startofprev|>"],
        max_initial_timestamp_index=50,
        max_length=16,
        **ends,
        **start,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder


def save_faster_whisper(source: Path, folder: Path) -> Path:
    """The CTranslate2 form of a ``save_hf_whisper``."""
    import shutil

    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(source)).convert(str(folder))
    shutil.copy(source / "tokenizer.json", folder)
    return folder

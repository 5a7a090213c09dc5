"""UniSE begins with a trained system of its own kind, and of its own tokenizer."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from nano_training import TRAINING
from tse_system import UNISE, write_signal

from espnet_tse.bin import encode_codes, tse_train
from espnet_tse.codec.load import save_codec
from espnet_tse.codec.spectral_bicodec import SpectralBiCodec, SpectralBiCodecConfig
from espnet_tse.io.scp import write_scp
from espnet_tse.train.checkpoint import PLAIN_TYPES


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    """``train``, a set that is mixed, two codecs of the same sizes with codes, and ``tse_base``."""
    root = tmp_path_factory.mktemp("recipe")
    rng, sources, speakers = np.random.default_rng(0), {}, {}
    for speaker in range(3):
        for number in range(2):
            key = f"spk{speaker}-{number}"
            sources[key], speakers[key] = root / f"{key}.wav", f"spk{speaker}"
            write_signal(sources[key], rng.standard_normal(12000) * 0.05)
    write_scp(root / "train" / "wav.scp", sources)
    write_scp(root / "train" / "utt2spk", speakers)
    (root / "train" / "mixing.yaml").write_text("sir_db: [-5, 5]\n")
    sizes = {"embedding_dim": 8, "encoder_channels": 8, "encoder_blocks": 1, "decoder_channels": 8}
    config = SpectralBiCodecConfig(
        **{**sizes, "n_fft": 640, "codebook_size": 16, "decoder_blocks": 1, "voice_channels": 8},
        griffin_lim_iterations=2,
    )
    for seed, name in enumerate(("own", "other")):
        torch.manual_seed(seed)
        conf = {"codec": "spectral_bicodec", "codec_conf": asdict(config)}
        save_codec(root / f"codec_{name}", SpectralBiCodec(config).eval(), conf, "none", {})
        words = ["--codec", str(root / f"codec_{name}"), "--scp", str(root / "train" / "wav.scp")]
        assert encode_codes.main([*words, "--output_dir", str(root / f"codes_{name}")]) == 0
    assert not train(root, root / "tse_base", "own")
    return root


def train(root: Path, out: Path, codec: str, **changes) -> int | None:
    path = out.parent / f"{out.name}.yaml"
    conf = {**UNISE, **TRAINING, "max_epoch": 1, "batch_size": 2, **changes}
    path.write_text(yaml.safe_dump({**conf, "tokenizers": {"acoustic": str(root / f"codec_{codec}")}}))
    sets = [f"--{name}_data_dir={root / 'train'}" for name in ("train", "valid")]
    codes = [f"--{name}_tokens=acoustic={root / f'codes_{codec}'}" for name in ("train", "valid")]
    return tse_train.main([f"--config={path}", *sets, *codes, f"--output_dir={out}", "--ngpu=0"])


def weights(folder: Path) -> dict[str, torch.Tensor]:
    with torch.serialization.safe_globals(PLAIN_TYPES):
        return torch.load(folder / "valid.loss.ave.pth", weights_only=True)


def test_a_training_begins_with_the_weights_of_another_one(recipe, tmp_path):
    still = {"optim_conf": {"lr": 0.0}, "pretrained": {"base": str(recipe / "tse_base")}}
    assert not train(recipe, tmp_path / "tse_next", "own", **still)
    base, now = weights(recipe / "tse_base"), weights(tmp_path / "tse_next")
    assert base.keys() == now.keys() and all(torch.equal(base[name], now[name]) for name in base)


@pytest.mark.parametrize(
    "codec, changes, fault",
    [
        ("other", {}, "codec mismatch"),
        ("own", {"lm_conf": {**UNISE["lm_conf"], "width": 32}}, "its lm is another one: width 16, here 32"),
    ],
)
def test_one_of_another_tokenizer_or_size_is_refused(recipe, tmp_path, capsys, codec, changes, fault):
    begun = {"pretrained": {"base": str(recipe / "tse_base")}}
    assert train(recipe, tmp_path / "tse_next", codec, **begun, **changes) == 1
    assert fault in capsys.readouterr().err

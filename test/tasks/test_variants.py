"""Every YAML of a variant of LauraTSE, made nano: its commands train two updates, decode, and score."""

import json
from pathlib import Path

import pytest
import yaml
from nano_training import TRAINING
from tse_system import write_wavlm

from espnet_tse.bin import extract, resynthesize, score, tse_train
from espnet_tse.io.yaml_chain import read_chain

CONF = Path(__file__).resolve().parents[2] / "egs2/TEMPLATE/tse1/conf"
CONFIGS = sorted(CONF.glob("laura_tse_[mp]*.yaml"))  # mini and paper
DECODINGS = {"_split": ["no_encoder"], "_ref_output": ["give_enrollment"], "_paper": ["bounded", "paper"]}
NANO = {"num_layers": 1, "width": 64, "num_heads": 4, "feedforward": 128, "channels": 16, "num_blocks": 1}
BUDGET = {**TRAINING, "num_iters_per_epoch": 2, "max_epoch": 1, "batch_size": 2}


def nano(path: Path) -> dict:
    """The config with small stacks and two updates; what the variant is about stays."""
    conf = read_chain(path).content
    for part in ("encoder_conf", "lm_conf", "vocoder_conf"):
        conf[part] |= {name: value for name, value in NANO.items() if name in conf[part]}
    del conf["optim"], conf["optim_conf"]  # those of the nano training
    conf.pop("max_batch_s", None)
    return conf | BUDGET


def train(recipe: Path, conf: dict, folder: Path) -> Path:
    """Two updates; the folder of the trained system."""
    config = folder.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(conf), encoding="utf-8")
    options = {
        "config": config,
        "train_data_dir": recipe / "train",
        "valid_data_dir": recipe / "valid",
        "train_tokens": {"acoustic": str(recipe / "codes_train")},
        "valid_tokens": {"acoustic": str(recipe / "codes_valid")},
        "tokenizers": {"acoustic": str(recipe / "codec")},
        "output_dir": folder,
        "ngpu": 0,
    }
    assert not tse_train.main([f"--{name}={value}" for name, value in options.items()])
    assert (folder / "1epoch.pth").is_file()
    return folder


def decode(recipe: Path, model: Path, out: Path, *options: str) -> Path:
    lists = {"mixture_scp": recipe / "valid/wav.scp", "enroll_scp": recipe / "valid/enroll_spk1.scp"}
    words = [f"--{name}={value}" for name, value in {**lists, "model": model, "output_dir": out}.items()]
    assert extract.main([*words, *options]) == 0
    return out


def scored(recipe: Path, out: Path, whole: bool = True) -> dict:
    """Means of a folder of estimates; ``whole``: none of them may be empty."""
    lists = {"inf": out / "wav.scp", "ref": recipe / "valid/spk1.scp", "mix": recipe / "valid/wav.scp"}
    words = [*(f"--{role}_scp={path}" for role, path in lists.items()), f"--output_dir={out / 'scoring'}"]
    assert score.main([*words, "--metrics=si_sdr,si_sdr_i,len_ratio", "--force"]) == 0
    result = json.loads((out / "scoring/result.json").read_text(encoding="utf-8"))
    assert result["coverage"]["excluded"] == 0 and not (whole and result["coverage"]["penalized"])
    return {name: entry["mean"] for name, entry in result["metrics"].items()}


@pytest.fixture(scope="module")
def base(recipe, tmp_path_factory) -> Path:
    """The paper's base, from which fine-tuning starts."""
    return train(recipe, nano(CONF / "laura_tse_paper.yaml"), tmp_path_factory.mktemp("base") / "exp")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_config_of_a_variant_trains_decodes_and_scores(recipe, base, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)  # where the config of WavLM input looks for its folder
    conf = nano(path)
    if conf["frontend"] == "wavlm":
        wavlm = conf["frontend_conf"]
        write_wavlm(tmp_path / wavlm["model_dir"], num_hidden_layers=wavlm["layer"])
    if "init_param" in conf:
        conf["init_param"] = [str(base / "valid.loss.ave.pth")]
    model = train(recipe, conf, tmp_path / "exp")
    means = scored(recipe, decode(recipe, model, tmp_path / "out"))
    assert means["len_ratio"] == 1.0 and -100.0 < means["si_sdr"] < 100.0
    for name in [name for suffix, names in DECODINGS.items() if path.stem.endswith(suffix) for name in names]:
        out = decode(recipe, model, tmp_path / name, f"--inference_config={CONF / f'decode_{name}.yaml'}")
        # An untrained model that may end when it likes may say nothing: silence of the mixture's length.
        assert scored(recipe, out, whole=name != "paper")["len_ratio"] == 1.0


def test_target_n_is_scored_without_a_model(recipe, tmp_path):
    """Target-n of Table III: the first n codebooks of the truth through the codec."""
    command = [f"--codec={recipe / 'codec'}", f"--scp={recipe / 'valid/spk1.scp'}", "--num_codebooks=2"]
    assert resynthesize.main([*command, f"--output_dir={tmp_path / 'out'}"]) == 0
    assert scored(recipe, tmp_path / "out")["len_ratio"] == 1.0


def test_every_decoding_of_the_template_is_used():
    """Here, by the systems with a front-end in test_configs.py, or by UniSE in test_task_extraction.py."""
    used = {f"decode_{name}.yaml" for names in DECODINGS.values() for name in names}
    of_front_ends = {path.name for path in CONF.glob("decode_nar_*.yaml")} | {"decode_front_end.yaml"}
    of_unise = {"decode_restoration.yaml", "decode_separation.yaml"}
    of_flows = {"decode_flow_8.yaml", "decode_oracle_ratio.yaml"}  # in the tests of these models
    of_diffusion = {path.name for path in CONF.glob("decode_candidates_*.yaml")}  # in test_solo_speech.py
    of_diffusion |= {path.name for path in CONF.glob("decode_diffusion_*.yaml")} | {
        "decode_corrector_nano.yaml"
    }
    # In test_diffusion_tse.py and test_map_diffusion.py.
    of_diffusion |= {"decode_ancestral.yaml"} | {path.name for path in CONF.glob("decode_ensemble_*.yaml")}
    of_discriminative = {"decode_speeds.yaml", "decode_against_rest.yaml"}  # in tests of their own
    known = used | of_front_ends | of_unise | of_flows | of_diffusion | of_discriminative
    assert known == {path.name for path in CONF.glob("decode_*.yaml")}

"""From a trained GenTSE to pairs, and from pairs to a training by preference."""

import json
import math
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from factories import make_batch
from nano_training import TRAINING
from tse_system import write_codec, write_model, write_signal

from espnet_tse.bin import encode_codes, make_preferences
from espnet_tse.codec.load import save_codec
from espnet_tse.codec.units import CepstralUnits, CepstralUnitsConfig
from espnet_tse.data.collate import TSECollate
from espnet_tse.data.preference_store import ARRAYS
from espnet_tse.io.audio import read_audio
from espnet_tse.io.choices import checked
from espnet_tse.io.scp import DataError, read_scp, write_scp
from espnet_tse.models.espnet_batch import to_tse_batch
from espnet_tse.models.gentse import GenTSEConfig
from espnet_tse.tasks import preferences
from espnet_tse.tasks.checkpoint import load_model
from espnet_tse.tasks.preference_conf import PreferenceConf, weights_of
from espnet_tse.tasks.tse import TSETask
from espnet_tse.train.checkpoint import PLAIN_TYPES

SIZES = {"num_layers": 1, "width": 16, "num_heads": 2, "feedforward": 32}
STILL = {"dropout": 0.0, "attention_dropout": 0.0}
SYSTEM = {
    "frontend": "log_mel",
    "frontend_conf": {"hop_length": 320, "num_mels": 20},
    "encoder": "adapter",
    "encoder_conf": {"feature_shift": 40.0, "feature_scale": 0.05},
    "semantic_lm": "stream_lm",
    "semantic_lm_conf": {**SIZES, **STILL, "frame_synchronous": True},
    "acoustic_frontend": "codec_latent",
    "acoustic_frontend_conf": {},
    "acoustic_encoder": "acoustic_adapter",
    "acoustic_encoder_conf": {},
    "acoustic_lm": "stream_lm",
    "acoustic_lm_conf": {**SIZES, **STILL, "frame_synchronous": True},
    "vocoder": "codec_decoder",
    "vocoder_conf": {},
    "model": "gentse",
    "model_conf": {},
}
WHOLE = {**TRAINING, "crop_s": None, "enrollment_s": None, "batch_size": 2, "max_epoch": 2}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    """``train``, a set that is mixed; tokenizers, codes and ``exp/tse_gentse`` of random weights."""
    root = tmp_path_factory.mktemp("recipe")
    rng = np.random.default_rng(0)
    sources, speakers = {}, {}
    for speaker in range(3):
        for number in range(2):
            key = f"spk{speaker}-{number}"
            sources[key], speakers[key] = root / f"{key}.wav", f"spk{speaker}"
            write_signal(sources[key], rng.standard_normal(12000 + 1600 * number) * 0.05)
    write_scp(root / "train" / "wav.scp", sources)
    write_scp(root / "train" / "utt2spk", speakers)
    (root / "train" / "mixing.yaml").write_text("sir_db: [-5, 5]\n")
    torch.manual_seed(0)
    units = CepstralUnits(CepstralUnitsConfig(num_units=12, num_mels=20))
    units.centroids.copy_(torch.randn_like(units.centroids))
    folder = root / "exp" / "tse_gentse"
    places = {name: folder / "tokenizers" / name for name in ("semantic", "acoustic")}
    units_conf = {"codec": "cepstral_units", "codec_conf": asdict(units.config)}
    save_codec(places["semantic"], units, units_conf, "none", {})
    write_codec(places["acoustic"], n_fft=640, stft_hop=320, num_codebooks=1, codebook_size=24)
    for name, place in places.items():
        command = ["--codec", str(place), "--scp", str(root / "train" / "wav.scp")]
        assert encode_codes.main([*command, "--output_dir", str(root / f"codes_{name}")]) == 0
    tokenizers = {name: str(place) for name, place in places.items()}
    write_model(folder, {**SYSTEM, **WHOLE, "tokenizers": tokenizers}, 1)
    return root


def words(recipe: Path, out: Path, *more: str) -> list[str]:
    tokens = [f"{name}={recipe / f'codes_{name}'}" for name in ("semantic", "acoustic")]
    return [
        *("--model", str(recipe / "exp" / "tse_gentse"), "--data_dir", str(recipe / "train")),
        *("--tokens", *tokens, "--output_dir", str(out), "--num_utterances", "4", "--candidates", "5"),
        *("--top_k", "6", "--score", "si_sdr", *more),
    ]


@pytest.fixture(scope="module")
def pairs(recipe, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("pairs") / "train"
    (out / "log").mkdir(parents=True)  # as a stage begins
    (out / "log" / "make.log").write_text("")
    (out / ".begun.pairs").write_text("")
    assert make_preferences.main(words(recipe, out)) == 0
    return out


def test_pairs_are_the_best_and_the_worst_of_what_was_drawn(recipe, pairs):
    counts = json.loads((pairs / "counts.json").read_text())
    keys = list(read_scp(pairs / "preferences.scp"))
    assert counts["utterances"] == 4 and counts["pairs"] == len(keys) > 0
    assert counts["ties"] == 4 - len(keys)
    scores = {
        row["utt"]: row["si_sdr"]
        for row in map(json.loads, (pairs / "scores" / "results" / "scores.jsonl").open())
    }
    margins = dict(line.split() for line in (pairs / "utt2margin").open())
    for key, path in read_scp(pairs / "preferences.scp").items():
        with np.load(path) as stored, np.load(pairs / "candidates" / f"{key}.npz") as drawn:
            assert set(stored) == set(ARRAYS)
            own = [scores[f"{key}#{number}"] for number in range(5)]
            best, worst = int(np.argmax(own)), int(np.argmin(own))
            assert np.array_equal(stored["better"][:, 0], drawn["codes"][best])
            assert np.array_equal(stored["worse"][:, 0], drawn["codes"][worst])
            assert np.array_equal(stored["reference"][0], drawn["log_probabilities"][[best, worst]])
        assert float(margins[key]) == pytest.approx(max(own) - min(own), abs=1e-5)
    for name in ("wav.scp", "spk1.scp", "enroll_spk1.scp", "utt2spk", "utt2num_samples"):
        assert sorted(read_scp(pairs / name)) == sorted(keys)


def test_candidates_are_of_the_likeliest_tokens_and_their_probabilities_those_of_the_logits(recipe, pairs):
    model = load_model(recipe / "exp" / "tse_gentse")
    places = {name: str(recipe / "exp/tse_gentse/tokenizers" / name) for name in ("semantic", "acoustic")}
    tokens = {name: str(recipe / f"codes_{name}") for name in places}
    dataset = preferences.open_set(recipe / "exp" / "tse_gentse", recipe / "train", tokens, places, 0)
    key = next(iter(read_scp(pairs / "preferences.scp")))
    example = dataset.example(0, dataset.keys.index(key))
    rates = {"semantic": 50.0, "acoustic": 50.0}
    _, tensors = TSECollate(rates)([example])
    _, logits = model.reference_logits(to_tse_batch(tensors, 16000))
    first, end = model.acoustic_lm.vocabulary.range("acoustic")
    with np.load(pairs / "candidates" / f"{key}.npz") as drawn:
        codes, found = torch.from_numpy(drawn["codes"]), torch.from_numpy(drawn["log_probabilities"])
    likeliest = logits[0, :, first:end].topk(6, dim=-1).indices
    assert (likeliest[None] == codes[..., None]).any(-1).all()
    by_hand = logits[0].log_softmax(-1)[torch.arange(codes.size(1)), codes + first].sum(-1)
    torch.testing.assert_close(found, by_hand, atol=1e-3, rtol=1e-4)
    assert len({tuple(row) for row in codes.tolist()}) == 5
    mixture, _ = read_audio(pairs / "audio" / f"{key}_mixture.wav")
    assert np.allclose(mixture, example["mixture"], atol=1e-6)


def test_the_same_command_does_nothing_again_and_another_seed_is_refused(recipe, pairs, capsys):
    before = {path: path.stat().st_mtime_ns for path in (pairs / "candidates").iterdir()}
    assert make_preferences.main(words(recipe, pairs)) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (pairs / "candidates").iterdir()}
    assert make_preferences.main(words(recipe, pairs, "--seed", "1")) == 1
    assert "was begun with another seed" in capsys.readouterr().err


def test_a_run_that_was_cut_short_goes_on(recipe, pairs, tmp_path):
    out = tmp_path / "again"
    assert make_preferences.main(words(recipe, out)) == 0
    removed = sorted((out / "candidates").glob("*.npz"))[0]
    content = dict(np.load(removed))
    removed.unlink()
    assert make_preferences.main(words(recipe, out)) == 0
    assert all(np.array_equal(np.load(removed)[name], value) for name, value in content.items())
    names = [path.name for path in (pairs / "pairs").iterdir()]
    assert sorted(names) == sorted(path.name for path in (out / "pairs").iterdir())


def test_candidates_that_are_gone_are_drawn_again_and_damaged_ones_named(recipe, pairs, tmp_path, capsys):
    out = tmp_path / "again"
    assert make_preferences.main(words(recipe, out)) == 0
    removed = sorted((out / "candidates").glob("*.wav"))[0]
    content, _ = read_audio(removed)
    removed.unlink()
    assert make_preferences.main(words(recipe, out)) == 0
    assert np.array_equal(read_audio(removed)[0], content)
    key = next(iter(read_scp(out / "preferences.scp")))
    (out / "candidates" / f"{key}.npz").write_bytes(b"damaged")
    assert make_preferences.main(words(recipe, out)) == 1
    assert f"{key}.npz: cannot be read" in capsys.readouterr().err
    (out / "make_preferences.json").write_text("{")
    assert make_preferences.main(words(recipe, out)) == 1
    assert "make_preferences.json: cannot be read" in capsys.readouterr().err


def test_other_data_under_the_same_name_are_refused(recipe, tmp_path, capsys):
    data, out = tmp_path / "train", tmp_path / "out"
    shutil.copytree(recipe / "train", data)
    assert make_preferences.main([*words(recipe, out), "--data_dir", str(data)]) == 0
    (data / "mixing.yaml").write_text("sir_db: [0, 0]\n")
    assert make_preferences.main([*words(recipe, out), "--data_dir", str(data)]) == 1
    assert "was begun with another lists" in capsys.readouterr().err


def test_a_folder_of_something_else_is_not_written_into(recipe, tmp_path, capsys):
    data = tmp_path / "train"
    shutil.copytree(recipe / "train", data)
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    assert make_preferences.main(words(recipe, data)) == 1
    assert "preferences want a folder of their own" in capsys.readouterr().err
    assert before == {path.name: path.read_bytes() for path in data.iterdir()}


def test_codes_of_a_name_that_the_system_does_not_have_are_an_error(recipe, tmp_path, capsys):
    tokens = [*words(recipe, tmp_path / "out")]
    tokens.insert(tokens.index("--output_dir"), f"foo={recipe / 'codes_semantic'}")
    assert make_preferences.main(tokens) == 1
    assert "--tokens" in (err := capsys.readouterr().err) and "foo" in err


def train(recipe: Path, pairs: Path, out: Path, **conf) -> None:
    path = out.parent / f"{out.name}.yaml"
    path.write_text(yaml.safe_dump({**SYSTEM, **WHOLE, "model_conf": {"dpo_beta": 0.1}, **conf}))
    system = recipe / "exp" / "tse_gentse"
    names = ("semantic", "acoustic")
    TSETask.main(
        [
            f"--config={path}",
            f"--train_data_dir={pairs}",
            f"--valid_data_dir={pairs}",
            *(
                f"--{kind}_tokens={name}={pairs / 'codes' / name}"
                for kind in ("train", "valid")
                for name in names
            ),
            *(f"--tokenizers={name}={system / 'tokenizers' / name}" for name in names),
            f"--pretrained=stage1={system}",
            f"--pretrained=base={system}",
            f"--output_dir={out}",
            "--ngpu=0",
        ]
    )


def test_a_training_by_preference_begins_at_log_two_and_raises_the_margin(recipe, pairs, tmp_path):
    out = tmp_path / "dpo"
    train(recipe, pairs, out, max_epoch=6, num_iters_per_epoch=10)
    with torch.serialization.safe_globals(PLAIN_TYPES):
        stats = torch.load(out / "checkpoint.pth", weights_only=True)["reporter"]["stats"]
    first, last = stats[1]["train"], stats[6]["valid"]
    assert first["loss_preference"] < math.log(2) + 0.05
    assert last["margin"] > 0.05 and last["loss_preference"] < math.log(2) and last["acc_preference"] == 1.0
    reference = torch.load(recipe / "exp" / "tse_gentse" / "valid.loss.ave.pth", weights_only=True)
    trained = torch.load(out / "latest.pth", weights_only=True)
    for name, value in reference.items():
        frozen = name.startswith(("encoder.", "semantic_lm."))
        assert torch.equal(trained[name], value) or not frozen, name


def test_preferences_are_of_whole_mixtures(recipe, pairs, tmp_path):
    with pytest.raises(DataError, match="set crop_s: null and enrollment_s: null"):
        train(recipe, pairs, tmp_path / "cropped", crop_s=0.5)


def test_a_set_without_preferences_does_not_train_by_them(recipe):
    model = load_model(recipe / "exp" / "tse_gentse")
    model.config = GenTSEConfig(dpo_beta=0.1)
    batch = make_batch([0.5], [0.5], None)
    batch.targets["acoustic"] = model.vocoder.codec.encode(batch.mixture, batch.mixture_lengths)
    batch.targets["semantic"] = batch.targets["acoustic"]
    with pytest.raises(DataError, match="dpo_beta wants sets with preferences"):
        model.loss(batch)


@pytest.mark.parametrize(
    "score, message",
    [
        ("dnsmos_ovrll", "did you mean"),
        ("est_dbfs", "has no better and no worse"),
        ("si_sdr=-1", "wants a weight above 0"),
        ("si_sdr=x", "wants a weight above 0"),
    ],
)
def test_wrong_scores_are_errors(score, message):
    with pytest.raises(ValueError, match=message):
        weights_of(score)


def test_weights_turn_round_what_is_better_low():
    assert weights_of("si_sdr=2,fail_rate=0.5,dnsmos_ovrl") == {
        "si_sdr": 2.0,
        "fail_rate": -0.5,
        "dnsmos_ovrl": 1.0,
    }


@pytest.mark.parametrize(
    "settings",
    [
        *({"candidates": 1}, {"top_k": 1}, {"num_utterances": 0}, {"min_margin": -1.0}, {"seed": -1}),
        *({"candidates": 2.5}, {"candidates": "3"}, {"min_margin": math.nan}, {"score": ["si_sdr"]}),
    ],
)
def test_wrong_settings_are_errors(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} is"):
        checked(PreferenceConf, settings, "preferences")


def test_ties_alone_are_an_error(recipe, tmp_path, capsys):
    out = tmp_path / "ties"
    assert make_preferences.main(words(recipe, out, "--min_margin", "1000")) == 1
    assert "all 4 mixtures are ties" in capsys.readouterr().err
    assert not (out / "preferences.scp").exists()


def test_what_the_scorer_lacks_shows_before_all_is_drawn(recipe, tmp_path, capsys):
    out = tmp_path / "lacking"
    assert make_preferences.main([*words(recipe, out), "--score", "utmos"]) == 1
    assert "cannot score" in capsys.readouterr().err
    assert len(list((out / "candidates").glob("*.npz"))) == 1


def test_a_wrong_set_leaves_nothing_behind(recipe, tmp_path, capsys):
    out = tmp_path / "wrong"
    assert make_preferences.main([*words(recipe, out), "--data_dir", str(tmp_path / "nothing")]) == 1
    assert "no such file" in capsys.readouterr().err and not out.exists()

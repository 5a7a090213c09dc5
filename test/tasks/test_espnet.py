"""ESPnet2's TD-SpeakerBeam: its YAMLs and weights become ours, with the outputs of espnet2's own model."""

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from espnet_tse.bin import check_config, import_espnet
from espnet_tse.io.scp import DataError
from espnet_tse.schema import DecodeConf, Request, TSEBatch
from espnet_tse.tasks.checkpoint import load_model
from espnet_tse.tasks.espnet_config import translate_config
from espnet_tse.tasks.espnet_weights import weight_map
from espnet_tse.tasks.idle_options import INSTEAD
from espnet_tse.tasks.imported_system import build_imported

FILTERS = {"channel": 12, "kernel_size": 8, "stride": 4}
SIZES = {
    "layer": 3,
    "stack": 2,
    "bottleneck_dim": 6,
    "hidden_dim": 10,
    "skip_dim": 6,
    "kernel": 3,
    "i_adapt_layer": 1,
}
VARIANTS = {
    "mul": {"adapt_enroll_dim": 6},
    "muladd": {"adapt_layer_type": "muladd", "adapt_enroll_dim": 12},
    "concat": {"adapt_layer_type": "concat", "adapt_enroll_dim": 6},
    "causal": {"causal": True, "norm_type": "cLN", "adapt_enroll_dim": 6},
    "no_skip": {"skip_dim": None, "adapt_enroll_dim": 6, "pre_nonlinear": "linear", "nonlinear": "sigmoid"},
    "tanh": {"pre_nonlinear": "tanh", "nonlinear": "linear", "adapt_enroll_dim": 6},
    "embedding": {"use_spk_emb": True, "spk_emb_dim": 7, "adapt_enroll_dim": 6},
    "embedding_muladd": {
        "use_spk_emb": True,
        "spk_emb_dim": 7,
        "adapt_layer_type": "muladd",
        "adapt_enroll_dim": 12,
    },
    "embedding_concat": {
        "use_spk_emb": True,
        "spk_emb_dim": 7,
        "adapt_layer_type": "concat",
        "adapt_enroll_dim": 6,
    },
}


def espnet_yaml(**changes) -> dict:
    conf = {**SIZES, **changes}
    return {
        "encoder": "conv",
        "encoder_conf": dict(FILTERS),
        "extractor": "td_speakerbeam",
        "extractor_conf": conf,
        "decoder": "conv",
        "decoder_conf": dict(FILTERS),
        "model_conf": {"num_spk": 1, "share_encoder": not conf.get("use_spk_emb", False)},
        "criterions": [
            {"name": "snr", "conf": {}, "wrapper": "fixed_order", "wrapper_conf": {"weight": 0.5}}
        ],
    }


@pytest.fixture
def written(tmp_path):
    """Writes a YAML."""

    def write(content: dict, name: str = "train.yaml"):
        path = tmp_path / name
        path.write_text(yaml.safe_dump(content))
        return path

    return write


def espnet_model(config: dict) -> nn.Module:
    """espnet2's own model with random weights, no norm of which is the identity."""
    from espnet2.enh.decoder.conv_decoder import ConvDecoder
    from espnet2.enh.encoder.conv_encoder import ConvEncoder
    from espnet2.enh.espnet_model_tse import ESPnetExtractionModel
    from espnet2.enh.extractor.td_speakerbeam_extractor import TDSpeakerBeamExtractor

    torch.manual_seed(0)
    encoder = ConvEncoder(**config["encoder_conf"])
    extractor = TDSpeakerBeamExtractor(encoder.output_dim, **config["extractor_conf"])
    decoder = ConvDecoder(**config["decoder_conf"])
    model = ESPnetExtractionModel(encoder, extractor, decoder, [], **config["model_conf"]).eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1 or name.endswith(("gamma", "beta")):
            nn.init.normal_(parameter, 0.5, 0.5)
    return model


def batch_of(num_samples: int = 203, embedding_dim: int | None = None) -> TSEBatch:
    """One row, of a length with samples behind the last whole frame, far from unit level."""
    generator = torch.Generator().manual_seed(1)
    draw = lambda *shape: 0.1 * torch.randn(*shape, generator=generator)  # noqa: E731
    enrollment = draw(1, 150)
    return TSEBatch(
        mixture=draw(1, num_samples),
        mixture_lengths=torch.tensor([num_samples]),
        enrollment=enrollment,
        enrollment_lengths=torch.tensor([150]),
        speaker_embedding=None if embedding_dim is None else 10 * draw(1, embedding_dim),
        sample_rate=8000,
        keys=["a"],
    )


def extracted(model: nn.Module, batch: TSEBatch) -> torch.Tensor:
    """What espnet2's model makes of a batch."""
    cue = batch.enrollment if batch.speaker_embedding is None else batch.speaker_embedding
    lengths = torch.tensor([cue.size(1)])
    with torch.no_grad():
        waveforms, *_ = model.forward_enhance(batch.mixture, batch.mixture_lengths, [cue], [lengths])
    return waveforms[0]


def translated(path, **defaults):
    return translate_config(path, 8000, INSTEAD, {"grad_clip": 5.0, "batch_size": 20, **defaults})


@pytest.mark.parametrize("variant", VARIANTS)
def test_imported_weights_extract_as_espnets_own_model(written, variant):
    config = espnet_yaml(**VARIANTS[variant])
    theirs, path = espnet_model(config), written(config)
    translation = translated(path)
    model = build_imported(translation.config, path)
    weights = weight_map(model.extractor, translation.extractor_conf)
    model.load_state_dict(weights.translated(theirs.state_dict(), model.state_dict(), path))

    batch = batch_of(embedding_dim=7 if config["extractor_conf"].get("use_spk_emb") else None)
    expected = extracted(theirs, batch)
    estimate = model.estimate(batch, Request(torch.tensor([203]), ["a"], DecodeConf())).waveform
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(estimate, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("variant", ["mul", "no_skip"])
def test_rows_of_a_batch_are_the_rows_alone(written, variant):
    config = espnet_yaml(**VARIANTS[variant])
    path = written(config)
    translation = translated(path)
    model = build_imported(translation.config, path)
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0.2, 0.3)
    mixtures, enrollments = torch.randn(2, 203), torch.randn(2, 150)
    lengths, enrolled = torch.tensor([203, 120]), torch.tensor([90, 150])
    batch = TSEBatch(mixtures, lengths, enrollments, enrolled, sample_rate=8000, keys=["a", "b"])
    together = model.estimate(batch, Request(lengths, ["a", "b"], DecodeConf())).waveform
    for row, (length, end) in enumerate(zip(lengths.tolist(), enrolled.tolist())):
        one = slice(row, row + 1)
        alone = TSEBatch(
            mixtures[one, :length],
            lengths[one],
            enrollments[one, :end],
            enrolled[one],
            sample_rate=8000,
            keys=["a"],
        )
        estimate = model.estimate(alone, Request(lengths[one], ["a"], DecodeConf())).waveform
        torch.testing.assert_close(together[one, :length], estimate, atol=1e-5, rtol=1e-4)
        assert not together[row, length:].any()


def test_command_writes_a_system_that_opens_and_a_yaml(written, tmp_path):
    config = espnet_yaml(**VARIANTS["mul"])
    theirs, path = espnet_model(config), written(config)
    torch.save(theirs.state_dict(), tmp_path / "valid.loss.best.pth")
    command = [str(path), "--sample_rate", "8000", "--checkpoint", str(tmp_path / "valid.loss.best.pth")]
    command += ["--output_dir", str(tmp_path / "exp" / "tse_x"), "--output", str(tmp_path / "ours.yaml")]
    assert import_espnet.main(command) == 0
    assert import_espnet.main(command) == 0  # once more over what it has written itself

    model, batch = load_model(tmp_path / "exp" / "tse_x"), batch_of()
    estimate = model.estimate(batch, Request(torch.tensor([203]), ["a"], DecodeConf())).waveform
    torch.testing.assert_close(estimate, extracted(theirs, batch), atol=1e-5, rtol=1e-5)
    ours = yaml.safe_load((tmp_path / "ours.yaml").read_text())
    assert ours["extractor"] == "td_speakerbeam" and ours["model_conf"] == {"losses": {"snr": 0.5}}
    assert sorted(file.name for file in (tmp_path / "exp").iterdir()) == ["tse_x"]  # nothing temporary


def test_folder_of_something_else_is_left_alone(written, tmp_path, capsys):
    config = espnet_yaml(**VARIANTS["mul"])
    torch.save(espnet_model(config).state_dict(), tmp_path / "a.pth")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    command = [str(written(config)), "--sample_rate", "8000", "--checkpoint", str(tmp_path / "a.pth")]
    assert import_espnet.main([*command, "--output_dir", str(tmp_path / "mine")]) == 1
    assert "holds something else already" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda state: state.pop("decoder.convtrans1d.weight"), r"missing decoder\.convtrans1d\.weight"),
        (lambda state: state.update({"extractor.more": torch.zeros(2)}), r"unknown extractor\.more"),
        (
            lambda state: state.update({"encoder.conv1d.weight": torch.zeros(12, 1, 9)}),
            r"encoder\.conv1d\.weight is \(12, 1, 9\) and should be \(12, 1, 8\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(written, spoil, message):
    config = espnet_yaml(**VARIANTS["mul"])
    path = written(config)
    translation = translated(path)
    model = build_imported(translation.config, path)
    state = espnet_model(config).state_dict()
    spoil(state)
    with pytest.raises(DataError, match=message):
        weight_map(model.extractor, translation.extractor_conf).translated(state, model.state_dict(), path)


def test_weights_that_would_run_a_program_are_refused(written, tmp_path, capsys):
    (tmp_path / "a.pth").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    command = [str(written(espnet_yaml(adapt_enroll_dim=6))), "--sample_rate", "8000"]
    command += ["--checkpoint", str(tmp_path / "a.pth"), "--output_dir", str(tmp_path / "x")]
    assert import_espnet.main(command) == 1
    told = capsys.readouterr().err
    assert "not readable as weights" in told and "GLOBAL" in told and not (tmp_path / "x").exists()
    assert "Re-running" not in told  # PyTorch's advice to read the file without the guard


@pytest.mark.parametrize("criterion", [["valid"], [["valid"]], [["valid", "snr_loss", "min"], "valid"], "loss"])
def test_criteria_of_another_form_are_told(written, criterion):
    translation = translated(written(espnet_yaml(adapt_enroll_dim=6) | {"best_model_criterion": criterion}))
    assert "want lists, as [valid, loss, min]" in "\n".join(translation.remarks)


def test_recipe_keys_become_ours_and_others_are_told(written):
    config = espnet_yaml(adapt_enroll_dim=6) | {
        "iterator_type": "chunk",
        "chunk_length": 24000,
        "enroll_segment": 48000,
        "batch_size": 16,
        "grad_clip": 5.0,
        "scheduler": "steplr",
        "best_model_criterion": [["valid", "snr_loss", "min"], ["valid", "pesq", "max"]],
        "noise_scp": "data/noise.scp",
        "train_spk2enroll": None,
        "fold_length": [800],
        "num_skp": 2,
        "output_dir": "exp/enh_x",
    }
    config["model_conf"]["num_spk"] = 2
    translation = translated(written(config))
    ours = translation.config
    assert (ours["crop_s"], ours["enrollment_s"], ours["batch_size"], ours["scheduler"]) == (
        3.0,
        6.0,
        16,
        "steplr",
    )
    assert ours["best_model_criterion"] == [["valid", "loss_snr", "min"]]
    assert "grad_clip" not in ours and "output_dir" not in ours  # the default; a place of that training
    said = "\n".join(translation.remarks)
    for part in (
        "best_model_criterion: pesq: no counterpart",
        "noise_scp: noise_scp of mixing.yaml",
        "fold_length: no counterpart; --batch_size",
        "num_skp: no option of ESPnet's TSE task (did it mean num_spk?)",
        "num_spk: 2: rows have one target",
    ):
        assert part in said
    assert "train_spk2enroll" not in said


@pytest.mark.parametrize(
    "change, message",
    [
        ({"encoder": "stft"}, "encoder: stft, want conv"),
        ({"decoder_conf": {**FILTERS, "stride": 2}}, "decoder_conf: stride: 2 is not the encoder's 4"),
        (
            {"extractor_conf": {**SIZES, "adapt_enroll_dim": 6, "norm_type": "BN"}},
            "norm_type: BN, want one of gLN, cLN",
        ),
        ({"extractor_conf": {**SIZES, "adapt_enroll_dim": 5}}, "mul with bottleneck_dim 6 wants 6"),
        ({"extractor_conf": {**SIZES, "stak": 2}}, r"unknown 'stak' \(did you mean 'stack'\?\)"),
        ({"extractor_conf": {**SIZES, "adapt_enroll_dim": 6, "causal": True}}, "hears the whole utterance"),
        ({"model_conf": {"share_encoder": False}}, "signals want share_encoder: true"),
        ({"extractor": "beamformer"}, "extractor: beamformer, want td_speakerbeam"),
        ({"separator": "tcn"}, "separator: is of ESPnet's enhancement task"),
        ({"model": "discriminative"}, "model: is of a YAML of this package"),
        ({"iterator_type": "chunk", "chunk_length": 0}, "chunk_length: 0, want a number of samples"),
        ({"extractor_conf": "td"}, "extractor_conf: want 'key: value' lines"),
        ({"enroll_segment": "long"}, "enroll_segment: long, want a number of samples"),
    ],
)
def test_other_networks_are_refused_by_key(written, change, message):
    with pytest.raises(DataError, match=message):
        translated(written({**espnet_yaml(adapt_enroll_dim=6), **change}))


def test_an_empty_yaml_is_told_as_such(written):
    with pytest.raises(DataError, match="train.yaml: holds no settings; name a recipe's YAML"):
        translated(written({}))


def test_criteria_of_one_name_count_together_and_orders_are_told(written):
    criteria = [
        {"name": "snr", "wrapper": "pit", "wrapper_conf": {"weight": 0.5}},
        {"name": "snr", "wrapper": "fixed_order"},
    ]
    translation = translated(written(espnet_yaml(adapt_enroll_dim=6) | {"criterions": criteria}))
    assert translation.config["model_conf"] == {"losses": {"snr": 1.5}}
    assert [remark for remark in translation.remarks if "wrapper: pit" in remark]


def test_a_resolved_config_becomes_a_yaml_that_trains(written, tmp_path, capsys):
    # Of every config.yaml that ESPnet writes: values of its own defaults that training here refuses or does not know.
    written_out = {"num_att_plot": 3, "use_preprocessor": True, "train_dtype": "float32", "optim": "adam"}
    command = [str(written(espnet_yaml(adapt_enroll_dim=6) | written_out)), "--sample_rate", "8000"]
    command += ["--output", str(tmp_path / "ours.yaml")]
    assert import_espnet.main(command) == 0
    told = capsys.readouterr().err
    assert "num_att_plot" not in told and "use_preprocessor" not in told and "refuse" not in told
    assert check_config.main(["--tse_config", str(tmp_path / "ours.yaml")]) == 0

    command[0] = str(
        written(
            espnet_yaml(adapt_enroll_dim=6) | {"train_dtype": "float16", "optim": "lion", "batch_size": 8.5}
        )
    )
    assert import_espnet.main(command) == 0
    told = capsys.readouterr().err
    assert "train_dtype: no counterpart; weights are float32" in told
    assert "training would refuse it: optim: unknown 'lion'" in told
    assert "training would refuse it: batch_size: '8.5' is not a whole number" in told


def test_the_yaml_that_is_translated_is_never_overwritten(written, capsys):
    path = written(espnet_yaml(adapt_enroll_dim=6))
    before = path.read_bytes()
    with pytest.raises(SystemExit):
        import_espnet.main([str(path), "--sample_rate", "8000", "--output", str(path)])
    assert "is the YAML that is translated; name another file" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_numpy_state_beside_the_weights_is_read(tmp_path):
    from espnet_tse.tasks.weight_map import read_state

    content = {"model": {"module.a": torch.ones(2)}, "numpy": np.random.get_state()}
    torch.save(content, tmp_path / "checkpoint.pth")
    assert read_state(tmp_path / "checkpoint.pth").keys() == {"a"}

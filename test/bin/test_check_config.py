"""The checks themselves are those of training: test/tasks has a case for each fault."""

import math
from pathlib import Path

import pytest
import yaml
from tse_system import write_system

from espnet_tse.bin import check_config

SYSTEM = {
    "frontend": "log_mel",
    "encoder": "shared_transformer",
    "lm": "decoder_only",
    "lm_conf": {"num_layers": 2},
    "vocoder": "fine_embedding",
    "model": "laura_tse",
    "optim": "adam",
    "tokenizers": {"acoustic": "exp/codec_nano"},
}

UNISE = {
    "frontend": "log_mel",
    "encoder": "adapter",
    "encoder_conf": {"feature_shift": 40.0, "feature_scale": 0.05},
    "lm": "task_lm",
    "vocoder": "codec_decoder",
    "model": "unise",
    "optim": "adam",
}

NAMES = {"tse_config": "system", "codec_config": "codec", "inference_config": "decode"}


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name: str, conf: dict) -> str:
        (tmp_path / name).write_text(yaml.safe_dump(conf))
        return name

    return write


def test_good_configs_pass_with_their_options(write, capsys, tmp_path):
    system, codec = write("system.yaml", SYSTEM), write("codec.yaml", {"codec": "spectral", "max_steps": 4})
    command = [
        "--tse_config",
        system,
        "--tse_args",
        "--max_epoch 3 --lm_conf num_layers=4",
        "--prerequisite_config",
        system,
    ]
    command += [
        "--codec_config",
        codec,
        "--codec_args=--max_steps=5",
        "--inference_config",
        write("decode.yaml", {"sampling": True}),
    ]
    assert check_config.main(command) == 0
    assert "checking codec.yaml, system.yaml, system.yaml, decode.yaml" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codec.yaml", "decode.yaml", "system.yaml"]


def test_the_faults_of_all_files_are_reported(write, capsys):
    system = write("system.yaml", {**SYSTEM, "lm_conf": {"num_layer": 2}})
    base = write("base.yaml", {**SYSTEM, "frontned": "log_mel"})
    codec = write("codec.yaml", {"codec": "spectral", "max_step": 4})
    decode = write("decode.yaml", {"samplng": True})
    command = [
        "--tse_config",
        system,
        "--prerequisite_config",
        base,
        "--codec_config",
        codec,
        "--inference_config",
        decode,
    ]
    assert check_config.main(command) == 2
    error = capsys.readouterr().err
    assert "espnet-tse check-config: error: " in error and "espnet-tse train" not in error
    assert "system.yaml: lm_conf of 'decoder_only': unknown 'num_layer' (did you mean 'num_layers'?)" in error
    assert "base.yaml: unknown 'frontned' (did you mean 'frontend'?)" in error
    assert "error: codec.yaml: top level: unknown 'max_step' (did you mean 'max_steps'?)" in error
    assert "decode.yaml: unknown 'samplng' (did you mean 'sampling'?)" in error


@pytest.mark.parametrize(
    "options, fault",
    [
        (
            ["--tse_config", "system.yaml", "--tse_args=--max_epoc 3"],
            "unknown option --max_epoc (did you mean --max_epoch?)",
        ),
        (["--tse_config", "system.yaml", "--tse_args=--lm_conf width=30"], "not divisible"),
        (
            ["--codec_config", "codec.yaml", "--codec_args=--max_step 3"],
            "unknown option --max_step (did you mean --max_steps?)",
        ),
        (
            ["--codec_config", "codec.yaml", "--codec_args=--codec_conf '{n_ftt: 1}'"],
            "unknown 'n_ftt' (did you mean 'n_fft'?)",
        ),
        (["--codec_config", "codec.yaml", "--codec_args=--lr '['"], "not readable as YAML"),
        (["--codec_config", "absent.yaml"], "absent.yaml: no such file"),
        (["--tse_config", "absent.yaml"], "absent.yaml: no such file"),
    ],
)
def test_faults_of_options_are_reported(write, capsys, options, fault):
    write("system.yaml", SYSTEM)
    write("codec.yaml", {"codec": "spectral"})
    assert check_config.main(options) == 2 and fault in capsys.readouterr().err


@pytest.mark.parametrize(
    "decoding, options, fault",
    [
        (
            {"autoregressive": False, "injection_ratio": 0.5},
            "",
            "unknown 'autoregressive', unknown 'injection_ratio'",
        ),
        ({"give_enrollment": True}, "", "give_enrollment is for models trained with lm_conf"),
        ({"length_mode": "eos"}, "--vocoder_conf synthesis=filter", "length_mode: eos is not for vocoder"),
    ],
)
def test_decoding_that_the_system_would_refuse_after_its_training(write, capsys, decoding, options, fault):
    command = ["--tse_config", write("system.yaml", SYSTEM), f"--tse_args={options}"]
    assert check_config.main([*command, "--inference_config", write("decode.yaml", decoding)]) == 2
    error = capsys.readouterr().err
    assert f"decode.yaml: {fault}" in error and (
        "(system.yaml)" in error or "(settings of LauraTSE)" in error
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return write_system(tmp_path_factory.mktemp("recipe"))


@pytest.mark.parametrize(
    "decoding, options, faults",
    [
        ({"sampling": True}, "--batch_size 2 --device cuda", []),
        ({"steps": 3}, "", ["decode.yaml: unknown 'steps'", "(settings of LauraTSE)"]),
        ({"give_enrollment": True}, "", ["decode.yaml: give_enrollment is for models", "/config.yaml)"]),
        ({}, "--batch_siz 2", ["unknown option --batch_siz (did you mean --batch_size?)"]),
        ({}, "--task sr", ["--task sr: task: unknown 'sr'", "(settings of LauraTSE)"]),
        ({}, "--inference_config absent.yaml", ["absent.yaml: no such file"]),
        ({}, "sampling true", ["one mixture wants: mixture enrollment -o output"]),
    ],
)
def test_decoding_by_a_system_that_is_trained(write, trained, capsys, decoding, options, faults):
    words = ["--model", str(trained), "--inference_config", write("decode.yaml", decoding)]
    assert check_config.main([*words, f"--inference_args={options}"]) == (2 if faults else 0)
    error = capsys.readouterr().err
    assert all(fault in error for fault in faults) and "Traceback" not in error


def test_options_of_a_decoding_by_itself(capsys):
    assert check_config.main(["--inference_args=--batch_size 2"]) == 0
    assert check_config.main(["--inference_args=--samplng true"]) == 2
    assert "unknown option --samplng" in capsys.readouterr().err


def test_the_system_is_parsed_once_and_each_yaml_read_once_for_it(write, monkeypatch):
    from espnet_tse.io import yaml_chain
    from espnet_tse.tasks.tse import TSETask

    write("paper.yaml", SYSTEM)
    system = write("system.yaml", {"base": "paper.yaml", "max_epoch": 3})
    parse, read, files = TSETask.parse, yaml_chain.read_yaml, []

    def counted(*words):
        with monkeypatch.context() as patch:
            patch.setattr(yaml_chain, "read_yaml", lambda path: (files.append(path.name), read(path))[1])
            return parse(*words)

    monkeypatch.setattr(TSETask, "parse", counted)
    command = ["--tse_config", system, "--inference_config", write("decode.yaml", {"sampling": True})]
    assert check_config.main(command) == 0 and files == ["system.yaml", "paper.yaml"]
    # Also where a fault is attributed to its file.
    write("paper.yaml", {**SYSTEM, "optim_conf": {"lrr": 1.0}})
    files.clear()
    assert check_config.main(command) == 2 and files == ["system.yaml", "paper.yaml"]


def test_decoding_of_another_meaning_is_remarked_on(write, capsys):
    command = ["--inference_config", write("decode.yaml", {"refine": False})]
    command += ["--tse_config", write("system.yaml", SYSTEM)]
    assert check_config.main(command) == 0
    assert "note: decode.yaml: refine: false on a model whose language model" in capsys.readouterr().err
    assert check_config.main([*command, "--tse_args=--model_conf split=true"]) == 0
    assert "note:" not in capsys.readouterr().err


def test_keys_of_a_decoding_yaml_that_are_no_text_are_refused(write, capsys):
    assert check_config.main(["--inference_config", write("decode.yaml", {1: 2, "draws": True})]) == 2
    error = capsys.readouterr().err
    assert "unknown '1'" in error and "unknown 'draws'" in error


def test_a_faulty_system_is_reported_once(write, capsys):
    command = ["--tse_config", write("system.yaml", {**SYSTEM, "optim_conf": {"lrr": 1.0}})]
    assert check_config.main([*command, "--inference_config", write("decode.yaml", {"refine": False})]) == 2
    assert capsys.readouterr().err.count("unknown 'lrr'") == 1


def test_faults_name_the_file_of_the_chain_in_which_they_stand(write, capsys):
    write("paper.yaml", {**SYSTEM, "frontned": "log_mel", "max_epoch": "many", "lm_conf": {"num_layer": 2}})
    system = write("system.yaml", {"base": "paper.yaml", "sead": 1})
    assert check_config.main(["--tse_config", system]) == 2
    error = capsys.readouterr().err
    assert "system.yaml: unknown 'sead' (did you mean 'seed'?); --help lists all options\n" in error
    assert "\npaper.yaml: unknown 'frontned' (did you mean 'frontend'?); --help" in error
    assert "\npaper.yaml: max_epoch: 'many' is not a whole number" in error
    write("paper.yaml", {**SYSTEM, "lm_conf": {"num_layer": 2}, "optim_conf": {"lrr": 1.0}})
    system = write(
        "system.yaml", {"base": "paper.yaml", "lm_conf": {"width": 32}, "vocoder_conf": {"num_layer": 1}}
    )
    write("codecs.yaml", {"codec": "spectral", "codec_conf": {"n_ftt": 4}, "max_step": 4})
    codec = write("codec.yaml", {"base": "codecs.yaml", "batch_size": 0})
    write("decodings.yaml", {"levl": "none"})
    decode = write("decode.yaml", {"base": "decodings.yaml"})
    assert (
        check_config.main(["--tse_config", system, "--codec_config", codec, "--inference_config", decode])
        == 2
    )
    error = capsys.readouterr().err
    assert "paper.yaml: lm_conf of 'decoder_only': unknown 'num_layer'" in error
    assert "system.yaml: vocoder_conf of 'fine_embedding': unknown 'num_layer'" in error
    assert "paper.yaml: optim_conf of 'adam': unknown 'lrr'" in error
    assert "codecs.yaml: top level: unknown 'max_step'" in error
    assert "decodings.yaml: unknown 'levl' (did you mean 'level'?)" in error
    write("codecs.yaml", {"codec": "spectral", "codec_conf": {"n_ftt": 4}})
    assert check_config.main(["--codec_config", codec]) == 2
    assert "codec.yaml: batch_size must be positive" in capsys.readouterr().err
    write("codec.yaml", {"base": "codecs.yaml"})
    assert check_config.main(["--codec_config", codec]) == 2
    assert "codecs.yaml: codec_conf of 'spectral': unknown 'n_ftt'" in capsys.readouterr().err


def test_keys_that_stand_twice_are_refused(write, tmp_path, capsys):
    for name in NAMES.values():
        (tmp_path / f"{name}.yaml").write_text("seed: 1\nseed: 2\n")
    command = [f"--{option}={name}.yaml" for option, name in NAMES.items()]
    assert check_config.main(command) == 2
    error = capsys.readouterr().err
    for name in NAMES.values():
        assert f"{name}.yaml: duplicate key 'seed'" in error


def test_nothing_to_check_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as exit_:
        check_config.main([])
    assert exit_.value.code == 2 and "name a YAML" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["tse_config", "codec_config", "inference_config"])
def test_a_folder_is_no_yaml(tmp_path, capsys, option):
    try:
        code = check_config.main([f"--{option}", str(tmp_path)])
    except SystemExit as end:
        code = end.code
    assert code == 2 and f"{tmp_path}: Is a directory; name a file" in capsys.readouterr().err


def test_a_file_without_an_option_is_refused_with_the_options(capsys):
    with pytest.raises(SystemExit) as exit_:
        check_config.main(["conf/my.yaml"])
    assert (
        exit_.value.code == 2
        and "say what conf/my.yaml is of: --tse_config conf/my.yaml, " in capsys.readouterr().err
    )


def test_yamls_that_a_system_builds_on_have_to_fit_it(write, capsys):
    write("units.yaml", {"codec": "cepstral_units", "objective": "kmeans"})
    write("codec.yaml", {"codec": "spectral"})
    tokenizers = {"tokenizers": {"acoustic": "codec.yaml"}}
    base = write("base.yaml", {**UNISE, **tokenizers})
    for name, changes, fault in (
        (
            "system",
            {"tokenizers": {"acoustic": base}},
            "system.yaml: tokenizers: acoustic: base.yaml: is no YAML of a codec",
        ),
        (
            "wider",
            {**tokenizers, "pretrained": {"base": base}, "lm_conf": {"width": 64}},
            "base.yaml: its lm is another one",
        ),
        ("begun", {**tokenizers, "pretrained": {"base": "codec.yaml"}}, "codec.yaml: is no YAML of a system"),
        ("pairs", {**tokenizers, "preferences": {"candidates": 4}}, "model unise would not learn from them"),
        (
            "half",
            {**tokenizers, "preferences": {"candidates": 2.5}},
            "candidates is 2.5, want a whole number",
        ),
        (
            "shares",
            {**tokenizers, "mixing": {"tasks": {"tse": math.inf}}},
            "mixing: tasks: wants shares >= 0",
        ),
        (
            "cascade",
            {**tokenizers, "mixing": {"tasks": {"ss": 1}}},
            "mixing: tasks: unknown 'ss' (did you mean 'sr'?); known: rtse, sr, tse",
        ),
        ("next", {**tokenizers, "pretrained": {"base": base}}, ""),
    ):
        code = check_config.main(["--tse_config", write(f"{name}.yaml", {**UNISE, **changes})])
        error = capsys.readouterr().err
        assert (code, fault in error) == (2 if fault else 0, True), error
    laura = write("laura.yaml", {**SYSTEM, "tokenizers": {"acoustic": "units.yaml"}})
    assert check_config.main(["--tse_config", laura]) == 2
    assert "codec cepstral_units is no Codec, which this system wants" in capsys.readouterr().err


@pytest.mark.parametrize("system, fault", [
    ({"steps": 2}, ""),
    ({"stepz": 2}, "model_conf: system: unknown 'stepz' (did you mean 'steps'?); known: eta, sampler, steps (settings of SoloSpeech)"),
    ({"steps": 0}, "model_conf: system: steps is 0, want 1 or more"),
    ({"steps": 1001}, "model_conf: system: steps: 1001 is more than the 1000 of training; take fewer"),
    ({"candidates": 2}, "system: candidates is not the system's alone"),
])  # fmt: skip
def test_settings_of_the_system_behind_a_corrector(write, capsys, system, fault):
    conf = Path(__file__).parents[2] / "egs2/TEMPLATE/tse1/conf"
    front = conf / "solospeech_nano.yaml"
    mine = {"base": str(conf / "corrector_nano.yaml"), "model_conf": {"system": system}}
    yaml = write("corrector.yaml", {**mine, "pretrained": {"system": str(front)}})
    code = check_config.main(["--tse_config", yaml])
    error = capsys.readouterr().err
    assert (code, fault in error) == (2 if fault else 0, True), error


@pytest.mark.parametrize("decoding, fault", [
    ({"system": {"steps": 2}}, ""),
    ({"system": {"stepz": 2}}, "decode.yaml: system: unknown 'stepz' (did you mean 'steps'?)"),
    ({"system": {"steps": 1001}}, "decode.yaml: system: steps: 1001 is more than the 1000 of training"),
    ({"max_chunk_s": 3.0}, "decode.yaml: overlap_s 2.0 must lie between 0.001 and half of max_chunk_s 3.0"),
])  # fmt: skip
def test_decoding_settings_of_the_system_behind_a_corrector(write, capsys, decoding, fault):
    conf = Path(__file__).parents[2] / "egs2/TEMPLATE/tse1/conf"
    command = ["--tse_config", str(conf / "corrector_nano.yaml")]
    code = check_config.main([*command, "--inference_config", write("decode.yaml", decoding)])
    error = capsys.readouterr().err
    assert (code, fault in error) == (2 if fault else 0, True), error


def test_a_corrector_is_not_put_behind_itself(write, capsys):
    words = ["--inference_config", write("decode.yaml", {"corrector": "exp/tse_corrector"})]
    assert check_config.main([*words, "--model", "./exp/tse_corrector"]) == 2
    assert "decode.yaml: corrector: exp/tse_corrector is this system itself" in capsys.readouterr().err


def test_a_corrector_of_a_decoding_is_there_or_will_be(write, capsys):
    conf = Path(__file__).parents[2] / "egs2/TEMPLATE/tse1/conf"
    command = ["--inference_config", write("decode.yaml", {"corrector": "exp/tse_corrector_nano"})]
    for more in ([], ["--tse_config", str(conf / "solospeech_nano.yaml")]):
        assert check_config.main([*command, *more]) == 2
        assert (
            "decode.yaml: corrector: exp/tse_corrector_nano: neither an exp/ folder"
            in capsys.readouterr().err
        )
    assert check_config.main([*command, "--prerequisite_config", str(conf / "corrector_nano.yaml")]) == 0
    write("decode.yaml", {"corrector": "exp/tse_solospeech_nano"})
    assert check_config.main([*command, "--prerequisite_config", str(conf / "solospeech_nano.yaml")]) == 2
    assert "will be a system of model solo_speech" in capsys.readouterr().err
    write("decode.yaml", {"corrector": "corrector_nano.yaml"})
    assert check_config.main(command) == 2
    assert "decode.yaml: corrector: corrector_nano.yaml: a YAML, which stage 4" in capsys.readouterr().err


def test_what_a_decoding_wants_is_printed_for_the_stages(write, capsys):
    decode = write("decode.yaml", {"corrector": "exp/tse_c", "ratio": "oracle"})
    assert check_config.main(["--print_inputs", "--inference_config", decode]) == 0
    lines = [
        "corrector\tcorrector\tplace\texp/tse_c",
        "truth\tratio\tplace\toracle",
        "task\t-\tplace\ttse",
        "file\t-\tyaml\tdecode.yaml",
    ]
    assert capsys.readouterr().out == "".join(f"decode.yaml\t{line}\n" for line in lines)


def test_the_task_of_a_decoding_is_found_as_decoding_finds_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("quoted.yaml").write_bytes(b'task: "sr"  # restoration\r\nseed: 1\r\n')
    Path("based.yaml").write_text("base: quoted.yaml\nseed: 2\n")
    for options, task in (
        (["--inference_config", "quoted.yaml"], "sr"),
        (["--inference_config", "based.yaml"], "sr"),
        (["--inference_config", "based.yaml", "--inference_args=--task ss"], "ss"),
        (["--inference_args=--batch_size 2 --inference_config based.yaml"], "sr"),
        (["--inference_args=--batch_size 2"], "tse"),
    ):
        assert check_config.main(["--print_inputs", *options]) == 0
        tasks = [line for line in capsys.readouterr().out.splitlines() if "\ttask\t" in line]
        assert [line.split("\t")[-1] for line in tasks] == [task]


@pytest.mark.parametrize("base, changes, fault", [
    ("gentse_nano_flc.yaml", {"pretrained": {"stage1": "gentse_nano_stage1.yaml"}}, "pretrained: lacks base, the trained system whose predictions flc"),
    ("gentse_nano_stage1_flc.yaml", {"pretrained": None}, "name its YAML or folder, as pretrained: {base: exp/tse_...}"),
    ("gentse_nano_flc.yaml", {"pretrained": {"base": "gentse_nano.yaml"}}, "pretrained: lacks stage1, the trained system which makes the units"),
    ("gentse_nano_dpo.yaml", {"pretrained": {"stage1": "gentse_nano_stage1.yaml"}}, "pretrained: lacks base, the trained system whose predictions"),
    ("gentse_nano_dpo.yaml", {"preferences": None}, "model_conf: dpo_beta 0.1 learns from preferences"),
    ("gentse_nano_dpo.yaml", {"preferences": None, "train_data_dir": "pairs"}, ""),
    ("gentse_nano_flc.yaml", {}, ""),
])  # fmt: skip
def test_trainings_that_lack_what_they_learn_from(write, capsys, base, changes, fault):
    conf = Path(__file__).parents[2] / "egs2/TEMPLATE/tse1/conf"
    if changes.get("pretrained"):
        changes = {"pretrained": {name: str(conf / yaml) for name, yaml in changes["pretrained"].items()}}
    code = check_config.main(["--tse_config", write("mine.yaml", {"base": str(conf / base), **changes})])
    error = capsys.readouterr().err
    assert (code, fault in error) == (2 if fault else 0, True), error
    assert not fault or "mine.yaml: " in error


def test_a_corrector_names_the_system_that_it_runs(write, capsys):
    conf = Path(__file__).parents[2] / "egs2/TEMPLATE/tse1/conf/corrector_nano.yaml"
    yaml = write("corrector.yaml", {"base": str(conf), "pretrained": None})
    assert check_config.main(["--tse_config", yaml]) == 2
    assert (
        "model: corrector runs a trained system; name its YAML or folder by pretrained"
        in capsys.readouterr().err
    )

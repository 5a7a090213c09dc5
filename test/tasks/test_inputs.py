"""What YAMLs build on, as reported to the shell."""

import subprocess
import sys

import pytest

from espnet_tse.bin import check_config
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.inputs import inputs_of


@pytest.fixture(autouse=True)
def yamls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "codec.yaml").write_text("codec: toy\n")
    (conf / "paper.yaml").write_text("model: toy\ntokenizers: {acoustic: codec.yaml, semantic: exp/units}\n")
    (conf / "front.yaml").write_text("model: discriminative\n")
    (conf / "joint.yaml").write_text(
        "base: paper.yaml\npretrained: {front_end: front.yaml, stage1: paper.yaml}\n"
    )
    return conf


def triples(*args, **kwargs):
    return [(part.config.removeprefix("conf/"), part.name, part.value) for part in inputs_of(*args, **kwargs)]


def test_a_chain_comes_in_the_order_in_which_it_is_made():
    assert triples("conf/joint.yaml") == [
        ("joint.yaml", "acoustic", "conf/codec.yaml"),
        ("joint.yaml", "semantic", "exp/units"),
        ("joint.yaml", "front_end", "conf/front.yaml"),
        ("paper.yaml", "acoustic", "conf/codec.yaml"),
        ("paper.yaml", "semantic", "exp/units"),
        ("joint.yaml", "stage1", "conf/paper.yaml"),
    ]


def test_stored_passes_of_a_yaml_and_of_the_command_line(yamls):
    def passes(*words: str) -> list[tuple[str, str]]:
        found = inputs_of("conf/joint.yaml", words)
        return sorted((part.config, part.value) for part in found if part.kind == "stored_passes")

    assert passes() == passes("--stored_passes", "0") == []
    (yamls / "paper.yaml").write_text("model: toy\nstored_passes: 2\n")
    assert passes() == [("conf/joint.yaml", "2"), ("conf/paper.yaml", "2")]
    assert passes("--stored_passes=3") == [("conf/joint.yaml", "3"), ("conf/paper.yaml", "2")]
    assert passes("--stored_passes", "0") == [("conf/paper.yaml", "2")]


def test_lists_of_mixing_are_of_the_set_and_of_the_system(yamls, capsys):
    (yamls / "paper.yaml").write_text("model: toy\nmixing: {noise_scp: data/noise.scp, snr_db: [0, 5]}\n")
    (yamls / "mixing.yaml").write_text("noise_scp: 'data/two words.scp'  # noises\nrir_scp: null\n")

    def lists(*words: str) -> list[str]:
        return [part.value for part in inputs_of("conf/paper.yaml", words) if part.kind == "lists"]

    assert lists() == ["data/noise.scp"]
    assert lists("--mixing", "noise_scp=x.scp", "--mixing", "rir_scp=y.scp") == ["x.scp", "y.scp"]
    assert check_config.main(["--print_inputs", "--mixing_config", "conf/mixing.yaml"]) == 0
    assert capsys.readouterr().out == "conf/mixing.yaml\tlists\tnoise_scp\tplace\tdata/two words.scp\n"


def test_options_win_and_one_codec_takes_the_place_of_all():
    words = ["--pretrained", "front_end=exp/tse_x", "--pretrained", "stage1=owner/name", "--lr", "1"]
    found = triples("conf/joint.yaml", words, acoustic="exp/codec_x")
    assert found == [
        ("joint.yaml", "acoustic", "exp/codec_x"),
        ("joint.yaml", "semantic", "exp/units"),
        ("joint.yaml", "front_end", "exp/tse_x"),
        ("joint.yaml", "stage1", "owner/name"),
    ]
    assert triples("conf/front.yaml", acoustic="exp/codec_x") == []
    assert ("joint.yaml", "front_end", "there") in triples("conf/joint.yaml", ["--front_end_dir", "there"])
    assert ("paper.yaml", "acoustic", "there") in triples("conf/paper.yaml", ["--codec_dir=there"])


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("front", "pretrained: {x: joint.yaml}\n", "leads back to it"),
        (
            "paper",
            "tokenizers: {acoustic: gone.yaml}\n",
            "conf/paper.yaml: tokenizers: acoustic: gone.yaml: no such file",
        ),
        ("paper", "tokenizers: codec.yaml\n", "want names and places"),
        ("joint", "base: gone.yaml\n", "no such file"),
    ],
)
def test_faults_name_the_file(yamls, name, content, message):
    (yamls / f"{name}.yaml").write_text(content)
    with pytest.raises(DataError, match=message):
        inputs_of("conf/joint.yaml")


def test_two_yamls_of_one_name_are_refused(yamls, capsys):
    (yamls / "x").mkdir()
    (yamls / "x/codec.yaml").write_text("codec: other\n")
    (yamls / "front.yaml").write_text("model: toy\ntokenizers: {acoustic: x/codec.yaml}\n")
    assert check_config.main(["--print_inputs", "--tse_config", "conf/joint.yaml"]) == 2
    assert "conf/codec.yaml and conf/x/codec.yaml are both named 'codec'" in capsys.readouterr().err.replace(
        "conf/x/codec.yaml and conf/codec.yaml", "conf/codec.yaml and conf/x/codec.yaml"
    )


def test_a_mapping_on_the_command_line_counts_too(capsys):
    assert ("paper.yaml", "acoustic", "there") in triples(
        "conf/paper.yaml", ["--tokenizers", "{acoustic: there}"]
    )
    with pytest.raises(DataError, match="--tokenizers there: want NAME=PLACE"):
        inputs_of("conf/paper.yaml", ["--tokenizers", "there"])
    assert check_config.main(["--print_inputs", "--tse_config", "conf/paper.yaml", "--tse_args=--x 'y"]) == 2
    assert "close the quotes" in capsys.readouterr().err


def test_a_link_leads_to_the_files_beside_the_yaml_itself(yamls, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/p.yaml").symlink_to(yamls / "paper.yaml")
    found, _ = inputs_of("elsewhere/p.yaml")
    assert found.value == str(yamls / "codec.yaml")


def test_inputs_and_files_are_printed_for_the_shell_in_five_fields(capsys):
    assert (
        check_config.main(["--print_inputs", "--tse_config", "conf/joint.yaml", "--acoustic", "exp/c"]) == 0
    )
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert all(len(line) == 5 and all(line) for line in lines)
    assert ["conf/joint.yaml", "pretrained", "front_end", "yaml", "conf/front.yaml"] in lines
    assert ["conf/joint.yaml", "tokenizers", "acoustic", "place", "exp/c"] in lines
    files = [line for line in lines if line[1] == "file"]
    assert [line[4] for line in files if line[0] == "conf/joint.yaml"] == [
        "conf/joint.yaml",
        "conf/paper.yaml",
    ]
    assert ["conf/front.yaml", "file", "-", "yaml", "conf/front.yaml"] in files


def test_a_missing_base_ends_with_a_message(yamls, capsys):
    (yamls / "paper.yaml").unlink()
    assert check_config.main(["--print_inputs", "--tse_config", "conf/joint.yaml"]) == 2
    assert "conf/joint.yaml: base: paper.yaml: no such file" in capsys.readouterr().err


def test_nothing_heavy_is_loaded():
    code = "import sys; from espnet_tse.bin.check_config import main; main(['--print_inputs', '--tse_config', 'conf/joint.yaml']); "
    code += "assert not {'torch', 'numpy', 'espnet2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

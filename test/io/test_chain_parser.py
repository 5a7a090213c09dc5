import pytest
from espnet2.utils import config_argparse
from espnet2.utils.nested_dict_action import NestedDictAction

from espnet_tse.io import yaml_chain
from espnet_tse.io.chain_parser import ChainParser


@pytest.fixture
def parser(tmp_path, monkeypatch):
    """A parser of ESPnet's kind; the working folder holds x.yaml, which builds on y.yaml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text("base: y.yaml\nlm_conf: {width: 8}\n")
    (tmp_path / "y.yaml").write_text("seed: 3\nlm_conf: {width: 4, layers: 2}\n")
    espnet = config_argparse.ArgumentParser()
    espnet.set_defaults(required=["output_dir"])
    group = espnet.add_argument_group("All")
    group.add_argument("--seed", type=int, default=0)
    group.add_argument("--lm_conf", action=NestedDictAction, default={})
    return ChainParser(espnet)


def test_values_come_from_the_chain_and_the_command_line_wins(parser):
    args = parser.parse_args(["--config", "x.yaml", "--lm_conf", "layers=6"])
    assert vars(args) == {
        "config": "x.yaml",
        "seed": 3,
        "lm_conf": {"width": 8, "layers": 6},
        "required": ["output_dir"],
    }
    assert parser.parse_args(["--config=x.yaml", "--seed", "7"]).seed == 7


def test_without_a_yaml_the_defaults_hold(parser):
    assert parser.parse_args([]).seed == 0 and parser.chain_of([]) is None


def test_each_file_is_read_once_and_the_chain_kept(parser, monkeypatch):
    read, files = yaml_chain.read_yaml, []
    monkeypatch.setattr(yaml_chain, "read_yaml", lambda path: (files.append(str(path)), read(path))[1])
    parser.parse_args(["--config", "x.yaml"])
    assert files == ["x.yaml", "y.yaml"]
    assert parser.chain.content == {"seed": 3, "lm_conf": {"width": 8, "layers": 2}}
    parser.parse_args([])
    assert parser.chain is None


@pytest.mark.parametrize(
    "text, fault",
    [
        ("sead: 1\n", "y.yaml: unknown 'sead' (did you mean 'seed'?)"),
        ("base: z.yaml\n", "--config y.yaml: base: z.yaml: no such file"),
    ],
)
def test_faults_end_with_exit_code_2_and_name_the_file(parser, tmp_path, capsys, text, fault):
    (tmp_path / "y.yaml").write_text(text)
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args(["--config", "x.yaml"])
    assert exit_.value.code == 2 and fault in capsys.readouterr().err


def test_no_option_is_abbreviated(parser):
    with pytest.raises(SystemExit):
        parser.parse_args(["--see", "1"])

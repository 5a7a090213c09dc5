"""What ``--init_param`` takes over, and what it refuses."""

import pytest
import torch
from nano_training import options, weights
from torch import nn

from espnet_tse.bin import tse_train
from espnet_tse.io.checksum import write_checksum
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.init_param import start_from_weights


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.encoder2, self.head = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1)


@pytest.fixture
def saved(tmp_path):
    """The path of the weights of a model, and the weights."""
    torch.manual_seed(1)
    state = Model().state_dict()
    torch.save(state, tmp_path / "x.pth")
    return tmp_path / "x.pth", state


def started(spec: str, **options) -> tuple[set[str], dict, dict]:
    """Names of the weights that change, and all before and after."""
    torch.manual_seed(2)
    model = Model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    start_from_weights(spec, model, **options)
    after = model.state_dict()
    return {name for name in after if not torch.equal(after[name], before[name])}, before, after


def test_all_of_a_file(saved):
    path, state = saved
    changed, _, after = started(str(path))
    assert changed == set(state) and all(torch.equal(after[name], state[name]) for name in state)


@pytest.mark.parametrize(
    "rest, source, wanted",
    [
        (":encoder:encoder", "encoder", {"encoder.weight", "encoder.bias"}),
        (":encoder:encoder2", "encoder", {"encoder2.weight", "encoder2.bias"}),
        (":::head,encoder2.b", "", {"encoder.weight", "encoder.bias", "encoder2.weight"}),
    ],
)
def test_parts(saved, rest, source, wanted):
    path, state = saved
    changed, _, after = started(f"{path}{rest}")
    assert changed == wanted
    for name in wanted:
        assert torch.equal(after[name], state[name.replace("encoder2", "encoder") if source else name])


@pytest.mark.parametrize(
    "rest, message",
    [
        (":lm:encoder", "no weights of 'lm' in the file; it has encoder, encoder2, head"),
        (":encoder:lm", "the model has no part 'lm'; it has encoder, encoder2, head"),
        (":encoder:head", r"2 of 2 weights do not fit the model, first weight \(2, 2\) and \(1, 2\)"),
        (":encoder", r"2 of 2 weights do not fit the model, first weight \(2, 2\) and -"),
        ("::::x", "want FILE:SOURCE:TARGET:EXCLUDED"),
    ],
)
def test_parts_that_do_not_fit(saved, rest, message):
    with pytest.raises(DataError, match=message):
        started(f"{saved[0]}{rest}")


def test_what_does_not_fit_is_left_out_where_that_is_wanted(saved, caplog):
    changed, *_ = started(f"{saved[0]}:encoder:head", ignore_init_mismatch=True)
    assert changed == set()
    assert "do not fit the model" in caplog.text and "they are left out" in caplog.text


class Planted:
    """A pickle that would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_does_not_run(saved, tmp_path):
    path, state = saved
    torch.save({**state, "more": Planted(tmp_path / "made")}, path)
    torch.load(path, weights_only=False)
    assert (tmp_path / "made").exists()  # it would
    (tmp_path / "made").unlink()
    with pytest.raises(
        DataError, match=f"--init_param {path}: {path} holds other things than tensors, or is damaged"
    ):
        started(str(path))
    assert not (tmp_path / "made").exists()


def test_files_that_are_none(saved, tmp_path):
    path, state = saved
    write_checksum(path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=f"--init_param {path}: {path}: has sha256"):
        started(str(path))
    with pytest.raises(DataError, match="no such checkpoint; the folder holds: x.pth"):
        started(str(tmp_path / "y.pth"))
    torch.save({"model": state}, tmp_path / "checkpoint.pth")
    with pytest.raises(DataError, match="holds no weights by name; of a training take valid.loss.ave.pth"):
        started(str(tmp_path / "checkpoint.pth"))
    (tmp_path / "cut.pth").write_bytes(b"cut")
    with pytest.raises(DataError, match="cut.pth"):
        started(str(tmp_path / "cut.pth"))


def test_a_training_begins_with_it_and_goes_on_without(recipe, tmp_path, capsys):
    first, second, planted = tmp_path / "first", tmp_path / "second", tmp_path / "planted.pth"
    tse_train.main(options(recipe, first, max_epoch=1))
    kept = first / "valid.loss.ave.pth"
    still = {"optim": "sgd", "optim_conf": {"lr": 1.0e-20}, "init_param": [str(kept)]}
    tse_train.main(options(recipe, second, max_epoch=1, **still))
    for name, value in weights(second).items():
        assert torch.equal(value, weights(first)[name])
    torch.save({"x": Planted(tmp_path / "made")}, planted)
    tse_train.main(options(recipe, second, max_epoch=2, **{**still, "init_param": [str(planted)]}))
    other = {**still, "init_param": [str(planted)]}
    assert tse_train.main(options(recipe, tmp_path / "third", max_epoch=1, **other)) == 1
    assert "holds other things than tensors" in capsys.readouterr().err
    assert not (tmp_path / "made").exists() and not (tmp_path / "third" / "config.yaml").exists()


def test_a_yaml_names_files_in_a_list(recipe, tmp_path, capsys):
    with pytest.raises(SystemExit):
        tse_train.main(options(recipe, tmp_path / "exp", init_param="exp/x.pth"))
    assert "--init_param is one text, want a list, as init_param: [exp/x.pth]" in capsys.readouterr().err

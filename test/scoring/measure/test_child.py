import pytest

from espnet_tse.scoring.measure.child import ChildProcess


def test_a_child_that_ends_by_itself_is_our_own_fault(capfd):
    with ChildProcess("espnet_tse.scoring.nothing") as child:
        with pytest.raises(RuntimeError, match="espnet_tse.scoring.nothing ended with exit code 1"):
            child.ask(b"1")
        assert child.child is None
    assert "No module named" in capfd.readouterr().err

import pytest

from espnet_tse.scoring.measure.child import ChildProcess


def test_a_child_that_ends_by_itself_is_our_own_fault(capfd):
    with ChildProcess("espnet_tse.scoring.nothing") as child:
        with pytest.raises(RuntimeError, match="espnet_tse.scoring.nothing ended with exit code 1"):
            child.ask(b"1")
        assert child.child is None
    assert "No module named" in capfd.readouterr().err


@pytest.mark.parametrize("name, crash", [("SIGSEGV", True), ("SIGKILL", False)])
def test_a_crash_is_the_requests_fault_and_a_kill_from_outside_is_not(tmp_path, monkeypatch, name, crash):
    (tmp_path / "dying.py").write_text(
        f"import os, signal\nopen({str(tmp_path / 'starts')!r}, 'a').write('x')\nos.kill(os.getpid(), signal.{name})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with ChildProcess("dying") as child:
        if crash:
            assert child.ask(b"1") is None
        else:
            with pytest.raises(
                RuntimeError,
                match=r"dying was killed \(signal 9\): usually the machine ran out of memory, twice",
            ):
                child.ask(b"1")
    assert len((tmp_path / "starts").read_text()) == (1 if crash else 2)

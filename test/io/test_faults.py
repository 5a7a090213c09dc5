import pytest

from espnet_tse.io.faults import SHOWN, fault_of, refuse_all
from espnet_tse.io.scp import DataError


def test_one_fault_stands_alone_and_of_many_the_first_are_shown():
    refuse_all([])
    with pytest.raises(DataError, match="^key 'a': bad$"):
        refuse_all(["key 'a': bad"])
    with pytest.raises(DataError) as caught:
        refuse_all([f"fault {number}" for number in range(SHOWN + 2)])
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{SHOWN + 2} entries cannot be used:"
    assert lines[1] == "  fault 0" and lines[-2:] == [f"  fault {SHOWN - 1}", "  and 2 more"]


def test_only_faults_of_the_data_are_told():
    assert fault_of(int, "3") is None
    with pytest.raises(ValueError):
        fault_of(int, "three")

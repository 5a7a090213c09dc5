import importlib.util
import os
import signal

import numpy as np
import pytest

from espnet_tse.scoring.measure.measures import make_measure


@pytest.fixture(scope="module")
def clone(models):
    return models("utmos")


def test_a_clone_is_run_in_its_own_process(clone, speech):
    weights = {"utmos_code": clone / "hubconf.py", "utmos": clone / "utmos22_strong_step7459_v1.pt"}
    with make_measure("utmos", weights) as utmos:
        # Its print would break the replies if it reached them.
        assert utmos(speech) == pytest.approx([3 + 2 * np.abs(speech).mean()], abs=1e-5)
        assert utmos(4 * speech)[0] == pytest.approx(
            3 + 2 * np.abs(np.clip(4 * speech, -1, 1)).mean(), abs=1e-5
        )
        # Here the name still means the package with the DNSMOS files.
        assert str(clone) not in importlib.util.find_spec("speechmos").origin
        os.kill(utmos.child.pid, signal.SIGKILL)  # as the machine does when memory runs out: asked again
        assert utmos(speech) == pytest.approx([3 + 2 * np.abs(speech).mean()], abs=1e-5)

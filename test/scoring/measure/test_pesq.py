import os
import signal

import numpy as np
import pytest

from espnet_tse.scoring.measure import pesq
from espnet_tse.scoring.measure.failure import MetricFault
from espnet_tse.scoring.measure.pesq import PesqProcess


@pytest.fixture(scope="module")
def process():
    with PesqProcess() as running:
        yield running


def test_known_values(process, speech, noise, noisy):
    assert process(speech, speech) == pytest.approx(4.6439, abs=1e-3)
    assert process(noise, noise) == pytest.approx(4.6439, abs=1e-3)
    assert process(speech, noisy) == pytest.approx(1.0215, abs=5e-3)


def test_narrow_band(process, speech, noisy):
    assert process(speech[::2], speech[::2], 8000, "nb") == pytest.approx(4.5486, abs=1e-3)
    assert process(speech[::2], noisy[::2], 8000, "nb") == pytest.approx(1.3381, abs=5e-3)


def test_native_crash_excludes_and_the_next_call_works(process, speech, monkeypatch):
    monkeypatch.setattr(pesq, "MAX_S", 1000.0)
    burst = np.concatenate([speech[:6400], np.zeros(6400)])
    with pytest.raises(MetricFault, match="crash") as error:
        process(np.tile(burst, 60), np.tile(burst, 60))
    assert error.value.fault.kind == "pesq_long"
    assert process(speech, speech) == pytest.approx(4.6439, abs=1e-3)


def test_a_killed_child_is_replaced(process, speech):
    process(speech, speech)
    os.kill(process.child.pid, signal.SIGKILL)
    with pytest.raises(MetricFault, match="crash"):
        process(speech, speech)
    assert process(speech, speech) == pytest.approx(4.6439, abs=1e-3)


def test_long_input_never_reaches_the_child():
    process = PesqProcess()
    with pytest.raises(MetricFault, match="longer than 30 s") as error:
        process(np.ones(16000 * 31), np.ones(16000 * 31))
    assert error.value.fault.kind == "pesq_long"
    assert process.child is None


def test_refused_pair_is_the_datas_fault_if_the_target_alone_is_refused(process, speech):
    with pytest.raises(MetricFault, match="BufferTooShort") as error:
        process(speech[:1000], speech[:1000])
    assert error.value.fault.kind == "ref"
    with pytest.raises(MetricFault, match="NaN") as error:
        process(speech, np.zeros_like(speech))
    assert error.value.fault.kind == "est"


def test_lengths_must_agree(process, speech):
    with pytest.raises(ValueError, match="one shape"):
        process(speech, speech[1:])

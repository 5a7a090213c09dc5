import os
import signal

import numpy as np
import pytest

from espnet_tse.io.audio import resample
from espnet_tse.scoring.measure import pesq
from espnet_tse.scoring.measure.failure import MetricFault
from espnet_tse.scoring.measure.pesq import NarrowBandPesq, PesqProcess


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
    os.kill(process.child.pid, signal.SIGKILL)  # as the machine does when memory runs out
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


def test_equals_the_package(process, speech, noisy):
    """What the ITU's code gives through its wrapper: pesq 0.0.4, ``pesq(rate, target, estimate, mode)``."""
    package = pytest.importorskip("pesq", reason="pip install -e '.[score]'")
    assert process(speech, noisy) == pytest.approx(package.pesq(16000, speech, noisy, "wb"), abs=1e-6)
    low = [resample(samples, 16000, 8000) for samples in (speech, noisy)]
    assert process(*low, 8000, "nb") == pytest.approx(package.pesq(8000, *low, "nb"), abs=1e-6)


def test_narrow_band_of_16_khz_is_that_of_8_khz_signals(speech, noisy):
    """Not the mode "nb" on 16 kHz input: 1.416 and 1.326."""
    package = pytest.importorskip("pesq", reason="pip install -e '.[score]'")
    low = [resample(samples, 16000, 8000) for samples in (speech, noisy)]
    with NarrowBandPesq() as narrow:
        value = narrow(speech, noisy, 16000)
    assert value == pytest.approx(package.pesq(8000, *low, "nb"), abs=1e-6)
    assert abs(value - package.pesq(16000, speech, noisy, "nb")) > 0.01

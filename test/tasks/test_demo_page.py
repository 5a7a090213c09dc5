"""The page of the demo as a person uses it: two files, the button, the estimate; no other server is asked."""

import os
import socket

import numpy as np
import pytest
from chromium import HINT, Chromium, find_chromium
from tse_system import write_signal

from espnet_tse import Extractor
from espnet_tse.io.scp import DataError
from espnet_tse.tasks.demo import Demo
from espnet_tse.tasks.demo_page import serve


@pytest.fixture
def address():
    pytest.importorskip("gradio")
    if find_chromium() is None:
        if os.environ.get("TSE_BROWSER_TESTS"):
            pytest.fail(HINT)
        pytest.skip(f"{HINT} (with TSE_BROWSER_TESTS=1 this is a failure)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = serve(Demo(Extractor.from_pretrained(), "a system", longest_s=2.0), "127.0.0.1", port, wait=False)
    yield f"http://127.0.0.1:{port}/"
    page.close()


def give(browser: Chromium, path) -> None:
    """A file for the first input that has none yet."""
    browser.wait("document.querySelector('input[type=file]')")
    root = browser.call("DOM.getDocument")["root"]["nodeId"]
    node = browser.call("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
    count = browser.ask("document.querySelectorAll('input[type=file]').length")
    browser.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])
    browser.wait(f"document.querySelectorAll('input[type=file]').length < {count}")


def test_two_files_and_the_button_give_an_estimate(address, tmp_path):
    with Chromium(tmp_path / "profile") as browser:
        browser.open(address)
        for seed, name in enumerate(("mixture", "enrollment")):
            path = tmp_path / f"{name}.wav"
            write_signal(path, 0.1 * np.random.default_rng(seed).standard_normal(16000))
            give(browser, path)
        browser.ask(
            "[...document.querySelectorAll('button')].find(b => b.textContent.trim() == 'Extract').click()"
        )
        browser.wait("document.body.innerText.includes('real-time factor')")
        browser.wait("document.querySelectorAll('img').length >= 3")  # spectrograms
        assert all(url.startswith((address, "data:", "blob:")) for url in browser.requests)


def test_a_port_that_is_taken_is_told_before_any_address(capsys):
    pytest.importorskip("gradio")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DataError, match=f"--port {port} is taken, or --host 127.0.0.1 is no address"):
            serve(Demo(Extractor.from_pretrained(), "a system"), "127.0.0.1", port)
    assert "http://" not in capsys.readouterr().out

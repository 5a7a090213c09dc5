"""A headless chromium, driven through its DevTools protocol over a pipe: no package, no port."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
HINT = "the browser tests want chromium; on Debian and Ubuntu: apt-get install chromium"
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--mute-audio",
    "--remote-debugging-pipe",
    "--force-device-scale-factor=1",
)


def find_chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class BrowserError(Exception):
    """The page threw, or chromium did not answer."""


class Chromium:
    """One page. ``messages`` are console errors and warnings, ``requests`` all addresses it asked for."""

    def __init__(self, profile: Path, width: int = 1280, height: int = 900, timeout_s: float = 300):
        self.timeout_s = timeout_s
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.number, self.unread = 0, b""
        self.events: list[dict] = []
        command_read, self.commands = pipe_above(10)
        self.answers, answer_write = pipe_above(10)
        # The protocol's pipe is descriptor 3 (commands) and 4 (answers) of the browser.
        script = f'exec "$@" 3<&{command_read} 4>&{answer_write}'
        command = [find_chromium(), *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        self.process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command, "about:blank"],
            pass_fds=(command_read, answer_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(command_read)
        os.close(answer_write)
        self.session = None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Performance.enable", timeDomain="threadTicks")
        self.size(width, height)

    def close(self) -> None:
        self.session = None
        try:
            self.call("Browser.close")
        finally:
            os.close(self.commands)
            os.close(self.answers)
            self.process.wait(timeout=120)

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    # Protocol

    def call(self, method: str, **params) -> dict:
        """Send a command and wait for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + self.timeout_s
        while True:
            answer = self.read(deadline, method)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def read(self, deadline: float, waiting_for: str) -> dict:
        """The next message of the browser; events are kept and noted."""
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.answers], [], [], max(0.0, deadline - time.monotonic()))
            block = os.read(self.answers, 1 << 20) if ready else b""
            if not block:
                raise BrowserError(f"{waiting_for}: chromium did not answer within {self.timeout_s} s")
            self.unread += block
        text, _, self.unread = self.unread.partition(b"\0")
        message = json.loads(text)
        if "method" in message:
            self.note(message["method"], message["params"])
        return message

    def note(self, method: str, params: dict) -> None:
        self.events.append({"method": method, **params})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.messages.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.messages.append(str([each.get("value") for each in params["args"]]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.messages.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    # What a reader does

    def open(self, page: Path | str) -> None:
        """Load a file or an address, to the end of loading."""
        self.events.clear()
        start = time.monotonic()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.read(start + self.timeout_s, f"load of {page}")

    def busy_s(self) -> float:
        """Seconds of CPU that the page's own thread has spent since it was opened, whatever else runs."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "TaskDuration")

    def size(self, width: int, height: int, phone: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )

    def scheme(self, name: str) -> None:
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def wait(self, condition: str, timeout_s: float = 120) -> None:
        """Until a JavaScript condition holds."""
        deadline = time.monotonic() + timeout_s
        while not self.ask(f"Boolean({condition})"):
            if time.monotonic() > deadline:
                raise BrowserError(f"does not become true: {condition}")
            time.sleep(0.03)

    def click(self, selector: str) -> None:
        """The middle of the first element, with the mouse."""
        found = json.dumps(selector)
        place = self.ask(f"""(() => {{
                const element = document.querySelector({found});
                element?.scrollIntoView({{ block: "center", behavior: "instant" }});
                const box = element?.getBoundingClientRect();
                return box ? [box.x + box.width / 2, box.y + box.height / 2] : null;
            }})()""")
        if place is None:
            raise BrowserError(f"no element {selector}")
        self.click_at(*place)

    def click_at(self, x: float, y: float) -> None:
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        code = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def choose(self, selector: str, value: str) -> None:
        """Pick an option of a select."""
        select = f"document.querySelector({json.dumps(selector)})"
        self.ask(f"{select}.value = {json.dumps(value)}; {select}.dispatchEvent(new Event('change'))")

    def screenshot(self, path: Path, whole: bool = False) -> None:
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))


def pipe_above(least: int) -> tuple[int, int]:
    """A pipe whose descriptors are not below ``least``, so that 3 and 4 can be set in the child."""
    ends = []
    for end in os.pipe():
        ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, least))
        os.close(end)
    return ends[0], ends[1]

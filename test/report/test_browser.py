"""report.html as a reader uses it, in a real browser: clicks, keys, audio, colours, no complaint."""

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile
from chromium import HINT, Chromium, find_chromium

from espnet_tse.report.collect import collect_results
from espnet_tse.report.group_tables import build_groups
from espnet_tse.report.html_page import PageOptions, write_page

SAMPLE_RATE = 16000
BUCKETS = ("below 0 dB", "0 dB and more")


def write_experiment(exp: Path, num_utterances: int, num_wrong: int = 3) -> Path:
    """The mixture and two systems with random scores; all utterances share one sound a signal."""
    draw = random.Random(0)
    keys = [f"utt{number:04d}" for number in range(num_utterances)]
    inputs = {}
    for number, name in enumerate(("mix", "enroll", "ref", "system1", "system2")):
        exp.mkdir(exist_ok=True)
        seconds = 2 if name == "enroll" else 4
        tone = 0.05 * np.sin(2 * np.pi * 200 * (number + 1) * np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE)
        soundfile.write(exp / f"{name}.wav", tone, SAMPLE_RATE)
        (exp / f"{name}.scp").write_text("".join(f"{key} {exp}/{name}.wav\n" for key in keys))
        inputs[f"{name}_scp"] = str(exp / f"{name}.scp")
    sirs = [draw.uniform(-5, 5) for _ in keys]
    for system, gain in (("mixture", 0.0), ("system1", 6.0), ("system2", 9.0)):
        rows = []
        for number, (key, sir) in enumerate(zip(keys, sirs)):
            improvement = gain and gain + draw.gauss(0, 2)
            row = {"utt": key, "spk": f"spk{number % 7}", "dur_ref": 4.0, "dur_est": 4.0, "len_ratio": 1.0}
            row |= {"si_sdr": sir + improvement, "si_sdr_i": improvement, "input_sir_db": sir}
            row |= {
                "conf_rate": float(system == "system1" and number < num_wrong),
                "dnsmos_ovrl": draw.uniform(2, 3),
            }
            row |= {"flags": [], "buckets": {"input_sir": BUCKETS[sir >= 0]}}
            rows.append(row)
        names = ("si_sdr", "si_sdr_i", "conf_rate", "dnsmos_ovrl")
        means = {name: sum(row[name] for row in rows) / len(rows) for name in names}
        metrics = {
            name: {"mean": mean, "ci95": [mean - 0.2, mean + 0.2], "n": len(rows)}
            for name, mean in means.items()
        }
        parts = [{"label": label, "n": num_utterances // 2, "metrics": metrics} for label in BUCKETS]
        meta = {"system": system, "test_set": "test", "preset": "offline", "n": len(rows), "signature": "s"}
        meta["inputs"] = {**inputs, "inf_scp": inputs["mix_scp" if system == "mixture" else f"{system}_scp"]}
        folder = exp / system / "scoring"
        folder.mkdir(parents=True)
        (folder / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        content = {"meta": meta, "metrics": metrics, "wer": {}, "buckets": {"input_sir": parts}}
        (folder / "result.json").write_text(json.dumps(content))
    return exp


def write_report(exp: Path, **options) -> Path:
    write_page(exp / "report.html", build_groups(collect_results(exp)), exp, PageOptions(**options))
    return exp / "report.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    if find_chromium() is None:
        if os.environ.get("TSE_BROWSER_TESTS"):
            pytest.fail(HINT)
        pytest.skip(f"{HINT} (with TSE_BROWSER_TESTS=1 this is a failure)")
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    exp = write_experiment(tmp_path_factory.mktemp("browser") / "exp", 120)
    return write_report(exp, num_utterances=4, title="A report")


@pytest.fixture
def browser(chromium, page):
    """The page freshly opened; afterwards it must not have complained nor asked for anything but itself."""
    chromium.messages.clear()
    chromium.requests.clear()
    chromium.open(page)
    chromium.wait("document.querySelector('svg.scatter')")  # charts are drawn with the first picture
    chromium.ask("document.documentElement.style.scrollBehavior = 'auto'")
    yield chromium
    assert chromium.messages == []
    assert {url for url in chromium.requests if not url.startswith("data:")} == {page.as_uri()}


def column(browser: Chromium, number: int) -> list[str]:
    """Texts of a column of the utterance table's page."""
    script = f"[...document.querySelectorAll('#table0 tbody tr')].map((row) => row.cells[{number}].innerText)"
    return [text.replace("▶", "").strip() for text in browser.ask(script)]


def head(browser: Chromium, text: str) -> int:
    heads = browser.ask(
        "[...document.querySelectorAll('#table0 thead button')].map((each) => each.innerText)"
    )
    return heads.index(text)


def sort_by(browser: Chromium, number: int) -> None:
    browser.click(f"#table0 thead th:nth-child({number + 1}) button")


def place(browser: Chromium) -> float:
    return float(browser.ask("document.querySelector('#dock input').value"))


def numbers(texts: list[str]) -> list[float]:
    return [float(text.replace("−", "-")) for text in texts]


def test_a_click_on_a_head_sorts_and_a_second_one_turns_the_order(browser):
    number = head(browser, "SI-SDRi")
    before = column(browser, number)
    sort_by(browser, number)
    rising = numbers(column(browser, number))
    assert rising == sorted(rising) and rising != numbers(before)
    sort_by(browser, number)
    falling = numbers(column(browser, number))
    assert falling == sorted(falling, reverse=True)
    assert browser.ask("document.querySelector('#table0 th[aria-sort]').ariaSort") == "descending"
    # Both ends come from all rows, not from one page of them.
    assert falling[0] > rising[-1]


def test_the_filter_takes_words_and_choices_together(browser):
    browser.click("#table0 input[type=search]")
    browser.type("spk3 system1")
    rows = column(browser, 1)
    assert set(rows) == {"system1"}
    assert browser.ask("document.querySelector('#table0 .count').innerText") == f"{len(rows)} of 360 rows"
    browser.ask("document.querySelector('#table0 input[type=search]').value = ''")
    browser.type(" ")
    browser.choose("#table0 select[aria-label=rows]", "wrong")
    assert sorted(column(browser, 0)) == ["utt0000", "utt0001", "utt0002"]
    browser.choose("#table0 select[aria-label='input SIR']", BUCKETS[0])
    assert 0 < len(column(browser, 0)) < 3


def test_pages_lead_through_all_rows(browser):
    assert len(column(browser, 0)) == 50
    assert browser.ask("document.querySelector('#table0 .pages').innerText").count("1 to 50 of 360") == 1
    browser.click("#table0 .pages button:last-child")
    assert column(browser, 0)[-1] == "utt0119"
    assert browser.ask("document.querySelector('#table0 .pages button:last-child').disabled")


def test_switching_signals_while_playing_keeps_the_place(browser):
    browser.click(".utterance .clip[data-signal='0'] .pick")
    browser.wait("player.playing && player.place > 0.4")
    # While it plays, place and clock run together: their difference tells a jump from the time that passes.
    lead = "player.place - player.context.currentTime"
    before = browser.ask(lead)
    browser.press("4")  # the first system
    assert browser.ask("player.playing")
    assert browser.ask(lead) == pytest.approx(before, abs=1e-3)
    pressed = "[...document.querySelectorAll('#dock .signals .pick')].map((each) => each.ariaPressed)"
    assert browser.ask(pressed) == ["false", "false", "false", "true", "false"]
    assert browser.ask("document.querySelector('.utterance .clip.active').dataset.signal") == "3"
    # Only the chosen signal sounds.
    browser.wait("[...player.gains].every(([n, { gain }]) => Math.abs(gain.gain.value - (n === 3)) < 0.01)")
    seen = browser.ask("player.place")
    browser.wait(f"player.place > {seen} + 0.1")


def test_the_enrollment_keeps_a_place_of_its_own(browser):
    browser.click(".utterance .clip[data-signal='0'] .pick")
    browser.wait("player.place > 0.5")
    browser.press("2")
    browser.wait("player.playing && player.active === 1")
    assert browser.ask("player.duration") == pytest.approx(2.0)
    assert place(browser) < 2
    browser.press("3")
    browser.wait("player.playing && player.active === 2")
    assert 0.5 <= browser.ask("player.places.shared") < 3.9  # where the mixture was left


def test_space_pauses_and_goes_on_and_escape_closes(browser):
    browser.click(".utterance .clip[data-signal='2'] .pick")
    browser.wait("player.place > 0.1")
    browser.press(" ")
    browser.wait("!player.playing")
    paused = browser.ask("player.place")
    assert paused > 0.1
    browser.press(" ")
    browser.wait(f"player.playing && player.place > {paused}")
    browser.press("Escape")
    assert browser.ask("document.getElementById('dock').hidden && !player.playing")


def test_a_click_into_a_spectrogram_plays_from_there(browser):
    browser.click(".utterance .clip[data-signal='4'] .picture")
    browser.wait("player.playing")
    assert browser.ask("player.places.shared") == pytest.approx(2.0, abs=0.05)


def test_playing_ends_at_the_end(browser):
    browser.click(".utterance .clip[data-signal='1'] .pick")
    browser.wait("player.playing")
    browser.ask("player.seek(1.8)")
    browser.wait("!player.playing && player.place === 0")


def test_audio_that_cannot_be_decoded_is_reported(browser):
    browser.ask("document.getElementById(CARDS.values().next().value.signals[0].audio).textContent = 'AAAA'")
    browser.click(".utterance .clip[data-signal='0'] .pick")
    browser.wait("document.querySelector('#dock output').value.startsWith('This browser cannot decode')")
    assert not browser.ask("player.playing")


def click_point(browser: Chromium, condition: str) -> dict:
    """Click the first point of the scatter that fulfils a condition on ``p``; its utterance and system."""
    browser.ask("document.querySelector('svg.scatter').scrollIntoView({ block: 'center' })")
    point = browser.ask(f"""(() => {{
            const svg = document.querySelector("svg.scatter");
            const box = svg.getBoundingClientRect();
            const p = svg.points.find((p) => {condition});
            const {{ utts, cards }} = DATA[0];
            return {{ x: box.x + p.left, y: box.y + p.top, key: utts[p.utt], card: cards[p.utt]?.id }};
        }})()""")
    browser.click_at(point["x"], point["y"])
    return point


def test_an_outlier_in_the_scatter_leads_to_its_audio(browser):
    point = click_point(browser, "p.kind === 'wrong speaker' && DATA[0].cards[p.utt]")
    browser.wait("player.playing")
    assert browser.ask("location.hash") == f"#{point['card']}"
    box = browser.ask(f"document.getElementById('{point['card']}').getBoundingClientRect().toJSON()")
    assert 0 <= box["top"] < 900
    assert browser.ask("player.signals[player.active].label") == "system1"
    assert browser.ask("document.querySelector('#dock .utt').innerText") == point["key"]


def test_a_point_without_audio_leads_to_its_rows_and_says_how_to_get_it(browser):
    point = click_point(browser, "p.system && !DATA[0].cards[p.utt]")
    assert set(column(browser, 0)) == {point["key"]}
    notice = browser.ask("document.querySelector('#table0 .notice').innerText")
    assert (
        notice
        == f"{point['key']} has no audio on this page; espnet-tse report --utts {point['key']} puts it here."
    )
    # A new search by hand is not about that utterance any more.
    browser.click("#table0 input[type=search]")
    browser.type("x")
    assert browser.ask("document.querySelector('#table0 .notice').hidden")


def test_a_row_plays_its_system(browser):
    browser.choose("#table0 select[aria-label=rows]", "audio")
    sort_by(browser, head(browser, "system"))
    browser.click("#table0 tbody tr:last-child .play")
    browser.wait("player.playing")
    assert browser.ask("player.signals[player.active].label") == "system2"


def test_wrong_speakers_are_crosses_and_systems_can_be_hidden(browser):
    paths = browser.ask(
        "[...document.querySelectorAll('svg.scatter .crosses')].map((path) => path.getAttribute('d'))"
    )
    assert "".join(paths).count("M") == 3
    points = "document.querySelector('svg.scatter').points.length"
    assert browser.ask(points) == 360
    marks = "document.querySelector('#charts0 .marks').innerText"
    assert "wrong speaker (mixture 0, system1 3, system2 0)" in browser.ask(marks)
    browser.click("#charts0 .chip:nth-child(2)")
    assert browser.ask(points) == 240
    assert browser.ask("document.querySelector('#charts0 .chip:nth-child(2)').title").startswith("hidden")
    assert "wrong speaker (mixture 0, system2 0)" in browser.ask(marks)
    assert browser.ask("document.querySelectorAll('svg.distribution .ridge').length") == 2


def test_failures_and_what_was_not_measured_are_distinguished_from_wrong_speakers(chromium, tmp_path):
    exp = write_experiment(tmp_path / "exp", 4)
    failed = exp / "system1" / "scoring" / "failed"
    failed.write_text("utt0000 conf_rate est estimate: silent\n")
    scores = exp / "system2" / "scoring" / "scores.jsonl"
    scores.write_text(scores.read_text().replace('"conf_rate": 0.0', '"conf_rate": null'))
    chromium.open(write_report(exp, num_utterances=0))
    chromium.wait("document.querySelector('svg.scatter')")
    marks = chromium.ask("document.querySelector('#charts0 .marks').innerText")
    assert "wrong speaker (mixture 0, system1 2, system2 not measured)" in marks
    assert "failed (system1 1)" in marks
    chromium.choose("#table0 select[aria-label=rows]", "failed")
    assert column(chromium, 1) == ["system1"]


def test_what_is_hidden_at_first_is_said(chromium, tmp_path):
    exp = write_experiment(tmp_path / "exp", 4)
    result = exp / "system2" / "scoring" / "result.json"
    result.write_text(result.read_text().replace('"system": "system2"', '"system": "codec resynthesis"'))
    chromium.open(write_report(exp, num_utterances=0))
    chromium.wait("document.querySelector('svg.scatter')")
    legend = chromium.ask("document.querySelector('#charts0 .legend').innerText")
    assert "Hidden at first: codec resynthesis (a reference" in legend
    assert (
        chromium.ask("document.querySelector('.chip[aria-pressed=false]').innerText") == "codec resynthesis"
    )


def test_charts_follow_their_choices_and_a_bar_leads_to_its_rows(browser):
    browser.choose(
        "#charts0 select[aria-label=up]",
        str(browser.ask("DATA[0].columns.findIndex((c) => c.name === 'dnsmos_ovrl')")),
    )
    assert browser.ask("document.querySelector('svg.scatter').ariaLabel").startswith(
        "OVRL (MOS) of 360 utterances"
    )
    assert browser.ask("document.querySelectorAll('svg.buckets .bar').length") == 6
    browser.click("svg.buckets .line")
    browser.wait("document.querySelector('#table0 select[aria-label=system]').value === '0'")
    chosen = browser.ask("document.querySelector(\"#table0 select[aria-label='input SIR']\").value")
    assert chosen == BUCKETS[0]
    assert set(column(browser, 1)) == {"mixture"}


def test_light_and_dark_follow_the_system_and_the_button(browser):
    def background() -> int:
        return sum(
            int(part)
            for part in browser.ask("getComputedStyle(document.body).backgroundColor")[4:-1].split(",")
        )

    browser.scheme("light")
    light = background()
    browser.click("#theme")
    dark = background()
    assert light > 600 > 150 > dark
    browser.click("#theme")
    assert background() == light
    browser.click("#theme")
    browser.open(Path(browser.ask("location.pathname")))
    browser.scheme("dark")
    assert background() == dark
    browser.click("#theme")
    assert background() == light


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(browser, width):
    browser.size(width, 800, phone=width < 600)
    try:
        browser.wait("document.querySelector('svg.scatter').clientWidth <= innerWidth")
        assert browser.ask("document.documentElement.scrollWidth") <= width
    finally:
        browser.size(1280, 900)


def test_a_phone_shows_that_tables_go_on_and_reaches_their_end(browser):
    """Links stay off the theme button, and the first column stays beside the last."""
    browser.size(360, 800, phone=True)
    try:
        browser.wait("document.querySelector('.edged.more')")
        right = "getBoundingClientRect().right"
        last_link = browser.ask(f"Math.max(...[...document.querySelectorAll('nav a')].map((a) => a.{right}))")
        assert last_link <= browser.ask("document.getElementById('theme').getBoundingClientRect().left")
        browser.ask("document.querySelector('.edged .scroll').scrollLeft = 9999")
        browser.wait("document.querySelector('.edged.scrolled:not(.more)')")
        assert browser.ask(f"document.querySelector('.edged tbody td:last-child').{right}") <= 360
        assert browser.ask("document.querySelector('.edged tbody th').getBoundingClientRect().left") >= 0
    finally:
        browser.size(1280, 900)


def test_labels_of_charts_do_not_overlap(browser):
    overlaps = browser.ask("""[...document.querySelectorAll('#charts0 svg')].flatMap((svg) => {
            const texts = [...svg.querySelectorAll('text')];
            const boxes = texts.map((each) => each.getBoundingClientRect());
            const meet = (p, q) =>
                p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 2 && q.top < p.bottom - 2;
            return texts.flatMap((a, i) => texts.flatMap((b, j) =>
                i < j && meet(boxes[i], boxes[j]) ? [[a.textContent, b.textContent]] : []));
        })""")
    assert overlaps == []


def test_thousands_of_rows_load_quickly(chromium, tmp_path):
    page = write_report(write_experiment(tmp_path / "exp", 3000), num_utterances=0)
    assert page.stat().st_size < 2e6
    chromium.open(page)
    chromium.wait("document.querySelector('svg.scatter.many')")
    assert chromium.busy_s() < 2
    assert chromium.ask("document.querySelectorAll('#table0 tbody tr').length") == 50
    sort_by(chromium, head(chromium, "SI-SDRi"))
    assert numbers(column(chromium, head(chromium, "SI-SDRi")))[0] < 0

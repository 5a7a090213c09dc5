import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from espnet_tse.io.scp import DataError
from espnet_tse.report.collect import collect_results
from espnet_tse.report.group_tables import build_groups
from espnet_tse.report.html_page import PageOptions, build_page, write_page

OPTIONS = PageOptions(title="A <title>", num_utterances=3)


class Page(HTMLParser):
    """Ids, references and text of a page; fails on tags that are not closed in order."""

    VOID = {"img", "meta", "input", "br", "wbr"}

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.sources, self.open = [], [], [], []
        self.tags, self.rows = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if "href" in attributes:
            self.links.append(attributes["href"])
        if "src" in attributes:
            self.sources.append(attributes["src"])
        if tag == "tr":
            self.rows.append([])

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.rows and any(tag in ("td", "th") for tag in self.open[-4:]):
            self.rows[-1].append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture
def text(exp_dir):
    return page_of(exp_dir)


def page_of(exp_dir, options=OPTIONS) -> str:
    return build_page(build_groups(collect_results(exp_dir)), exp_dir, options)


def data_of(text: str) -> list[dict]:
    """What the page's scripts read."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])


def test_all_that_is_referenced_is_on_the_page(text):
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    cards = data_of(text)[0]["cards"].values()
    assert {card["id"] for card in cards} <= set(page.ids)
    assert {signal["audio"] for card in cards for signal in card["signals"]} <= set(page.ids)


def test_nothing_is_loaded_from_elsewhere(text):
    page = Page(text)
    assert page.sources and all(source.startswith("data:") for source in page.sources)
    # The name of the SVG language looks like an address and is none.
    without_data = re.sub(r'"data:[^"]*"', '""', text).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|url\(|@import|<link|<iframe", without_data)
    policies = [attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes]
    assert len(policies) == 1 and policies[0].startswith("default-src 'none'; ")


def test_audio_and_pictures_are_there_for_each_chosen_utterance(text):
    page = Page(text)
    audio = re.findall(r'<script type="audio/flac;base64" id="u0-\d-\d">([^<]+)<', text)
    assert len(audio) == 3 * 6
    assert all(base64.b64decode(each).startswith(b"fLaC") for each in audio)
    assert page.count("img") == 3 * 6 + 1  # and the colour scale


def test_text_is_escaped_everywhere(exp_dir, write_result):
    nasty = "<script>alert(1)</script>"
    path = write_result(exp_dir / "tse_c" / "decode", nasty, test_set=nasty, scores={"si_sdr": 1.0})
    scores = path.parent / "scores.jsonl"
    scores.write_text(scores.read_text().replace("utt1", nasty).replace("spk0", nasty), encoding="utf-8")
    text = page_of(exp_dir, replace(OPTIONS, title=nasty))
    assert nasty not in text
    assert any(group["testSet"] == nasty for group in data_of(text))
    Page(text)


def test_every_part_tells_the_protocols_of_a_test_set_apart(exp_dir, write_result):
    write_result(exp_dir / "tse_c" / "decode", "system3", scores={"si_sdr": 1.0}, meta={"signature": "two"})
    page = build_page(build_groups(collect_results(exp_dir)), exp_dir, OPTIONS)
    for number in (1, 2):
        heading = f"test, protocol {number} of 2: preset offline</h3>"
        assert page.count(heading) == 3  # scores, listening, utterances
    assert "What differs: protocol 2 from protocol 1 in targets, settings, versions or weights" in page


def test_a_wrong_speaker_is_called_with_its_system(exp_dir):
    scores = exp_dir / "tse_a" / "decode_test" / "scoring" / "scores.jsonl"
    rows = [json.loads(line) for line in scores.read_text().splitlines()]
    scores.write_text("".join(json.dumps({**row, "conf_rate": 1.0}) + "\n" for row in rows))
    page = build_page(build_groups(collect_results(exp_dir)), exp_dir, replace(OPTIONS, num_utterances=8))
    assert '<span class="tag wrong">wrong speaker: system2</span>' in page


def test_training_curves_and_reproducibility(text):
    page = Page(text)
    assert page.count("svg") == 2
    assert "777" in text
    assert "0123abc" in text


def test_a_codec_has_curves_by_step(exp_dir):
    (exp_dir / "codec_a" / "config.yaml").write_text("max_steps: 200\nseed: 3\n")
    lines = [
        f"{step}/200 steps: loss {9 / step:.4f}\n{step} steps, validation: loss {8 / step:.4f}\n"
        for step in (100, 200)
    ]
    (exp_dir / "codec_a" / "train.log").write_text("".join(lines))
    text = page_of(exp_dir)
    assert Page(text).count("svg") == 3 and "loss over steps 100 to 200" in text
    assert "<dt>steps trained</dt><dd><code>200</code></dd>" in text and "<dt>epochs trained</dt>" in text


def test_page_says_what_it_lacks(exp_dir, write_result, tmp_path):
    path = write_result(tmp_path / "foreign", "foreign", scores={"si_sdr": 3.0})
    (path.parent / "scores.jsonl").unlink()
    text = build_page(build_groups(collect_results(None, [path])), None, OPTIONS)
    assert "No scores.jsonl" in text
    assert "No audio" in text
    assert "No train.log" in text
    Page(text)


def test_size_limit_keeps_some_of_each_kind_and_says_what_is_left_out(exp_dir):
    full = page_of(exp_dir, PageOptions(num_utterances=9))
    sizes = [len(source) for source in Page(full).sources + re.findall(r'base64" id="u[^>]*>([^<]*)', full)]
    text = page_of(exp_dir, PageOptions(num_utterances=9, max_mb=sum(sizes) / 1e6 * 3.5 / 9))
    cards = re.findall(r'class="tag (\w+)"', text)
    assert cards == ["worst", "median", "best"]
    assert "6 more utterances would exceed the limit" in text
    Page(text)


def test_page_says_how_many_utterances_have_audio_and_how_to_get_more(text):
    assert "3 of 10 utterances have audio here: 1 worst, 1 median, 1 best" in text
    assert "--num_utts N takes more" in text


def test_written_file_is_utf8_and_whole(exp_dir, tmp_path):
    path = tmp_path / "report.html"
    write_page(path, build_groups(collect_results(exp_dir)), exp_dir, OPTIONS)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    assert "A &lt;title&gt;" in text


def test_decoding_runs_are_on_the_reproducibility_card(exp_dir):
    decode = exp_dir / "tse_a" / "decode_test" / "decode.json"
    decode.write_text(
        '{"rtf": 0.123456, "peak_memory_mb": 812, "settings": {"mode": "greedy", "seed": 7, "top_k": null}}'
    )
    text = page_of(exp_dir)
    assert "Decoding of test by system2" in text
    assert "0.1235" in text
    assert "mode greedy, seed 7<" in text


def test_broken_decode_file_names_itself(exp_dir):
    (exp_dir / "tse_a" / "decode_test" / "decode.json").write_text("{")
    with pytest.raises(DataError, match="decode.json: not JSON"):
        page_of(exp_dir)


def test_broken_config_names_itself(exp_dir):
    (exp_dir / "tse_a" / "config.yaml").write_text("a: [")
    with pytest.raises(DataError, match="config.yaml: not readable as YAML"):
        page_of(exp_dir)


def test_the_data_of_a_test_set_are_on_the_card_once(exp_dir):
    for path in exp_dir.rglob("result.json"):
        content = json.loads(path.read_text())
        content["meta"]["protocol"] = {"list": "a public list", "reference_sha256": "0a1b2c", "mode": None}
        path.write_text(json.dumps(content))
    text = page_of(exp_dir)
    assert text.count("Test set test") == text.count("a public list") == 1
    assert "0a1b2c" in text

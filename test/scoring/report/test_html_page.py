import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from espnet_tse.schema.scp import DataError
from espnet_tse.scoring.report.collect import collect_results
from espnet_tse.scoring.report.html_page import PageOptions, build_page, write_page

OPTIONS = PageOptions(title="A <title>", num_utterances=3)


class Page(HTMLParser):
    """Ids, references and text of a page; fails on tags that are not closed in order."""

    VOID = {"img", "meta", "input", "br", "wbr"}

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.sources, self.references, self.open = [], [], [], [], []
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
        self.references += [
            attributes[name] for name in ("data-audio", "data-filter", "data-count") if name in attributes
        ]
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
    return build_page(collect_results(exp_dir), exp_dir, OPTIONS)


def test_all_that_is_referenced_is_on_the_page(text):
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert page.references and set(page.references) <= set(page.ids)


def test_nothing_is_loaded_from_elsewhere(text):
    page = Page(text)
    assert page.sources and all(source.startswith("data:") for source in page.sources)
    without_data = re.sub(r'"data:[^"]*"', '""', text)
    assert not re.search(r"https?:|url\(|@import|<link|<iframe", without_data)
    assert "default-src &#x27;none&#x27;" in text


def test_players_and_pictures_are_there_for_each_chosen_utterance(text):
    page = Page(text)
    players = [attributes for tag, attributes in page.tags if tag == "audio"]
    assert len(players) == 3 * 6
    assert all(player["src"].startswith("data:audio/flac;base64,") for player in players)
    assert page.count("img") == 3 * 6 + 1  # and the colour scale


def test_rows_of_the_utterance_table_lead_to_their_audio(text):
    page = Page(text)
    assert sorted(link for link in page.links if link.startswith("#u0-")) == sorted(
        f"#u0-{place}" for place in range(3) for _ in range(4)
    )
    # The mixture's rows play the mixture: the first player of the card.
    labels = {a["aria-label"]: a["data-audio"] for _, a in page.tags if a.get("class") == "play small"}
    assert labels["play mixture of utt1"] == "u0-0-0"
    assert labels["play system10 of utt1"] == "u0-0-5"


def test_utterance_table_sorts_by_numbers_not_by_text(text):
    values = [a["data-value"] for tag, a in Page(text).tags if tag == "td" and "data-value" in a]
    assert "" in values  # the mixture has no confusion rate
    assert all(value == "" or float(value) is not None for value in values)


def test_text_is_escaped_everywhere(exp_dir, write_result):
    nasty = "<script>alert(1)</script>"
    path = write_result(exp_dir / "tse_c" / "decode", nasty, test_set=nasty, scores={"si_sdr": 1.0})
    scores = path.parent / "scores.jsonl"
    scores.write_text(scores.read_text().replace("utt1", nasty).replace("spk0", nasty), encoding="utf-8")
    text = build_page(collect_results(exp_dir), exp_dir, replace(OPTIONS, title=nasty))
    assert nasty not in text
    assert Page(text).count("script") == 1


def test_training_curves_and_reproducibility(text):
    page = Page(text)
    assert page.count("svg") == 2
    assert "777" in text
    assert "0123abc" in text


def test_a_codec_has_curves_by_step(exp_dir):
    (exp_dir / "codec_a" / "config.yaml").write_text("max_steps: 200\nseed: 3\n")
    lines = [f"{step}/200 steps: loss {9 / step:.4f}\n{step} steps, validation: loss {8 / step:.4f}\n" for step in (100, 200)]
    (exp_dir / "codec_a" / "train.log").write_text("".join(lines))
    text = build_page(collect_results(exp_dir), exp_dir, OPTIONS)
    assert Page(text).count("svg") == 3 and "loss over steps 100 to 200" in text
    assert "<dt>steps trained</dt><dd><code>200</code></dd>" in text and "<dt>epochs trained</dt>" in text


def test_page_says_what_it_lacks(exp_dir, write_result, tmp_path):
    path = write_result(tmp_path / "foreign", "foreign", scores={"si_sdr": 3.0})
    (path.parent / "scores.jsonl").unlink()
    text = build_page(collect_results(None, [path]), None, OPTIONS)
    assert "No scores.jsonl" in text
    assert "No audio" in text
    assert "No train.log" in text
    Page(text)


def test_size_limit_keeps_some_of_each_kind_and_says_what_is_left_out(exp_dir):
    results = collect_results(exp_dir)
    full = build_page(results, exp_dir, PageOptions(num_utterances=9))
    sizes = [len(source) for source in Page(full).sources]
    limit = sum(sizes) / 1e6 * 3.5 / 9
    text = build_page(results, exp_dir, PageOptions(num_utterances=9, max_mb=limit))
    cards = re.findall(r'class="tag (\w+)"', text)
    assert cards == ["worst", "median", "best"]
    assert "6 more utterances would exceed the limit" in text
    Page(text)


def test_table_is_cut_to_the_worst_rows_and_says_so(exp_dir):
    text = build_page(collect_results(exp_dir), exp_dir, PageOptions(num_utterances=0, max_rows=12))
    assert "The worst 12 of 40 rows are shown" in text
    body = text.split('id="scores0"')[1].split("</table>")[0]
    assert body.count("<tr>") == 13
    assert "system10" not in body


def test_written_file_is_utf8_and_whole(exp_dir, tmp_path):
    path = tmp_path / "report.html"
    write_page(path, collect_results(exp_dir), exp_dir, OPTIONS)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    assert "A &lt;title&gt;" in text


def test_decoding_runs_are_on_the_reproducibility_card(exp_dir):
    decode = exp_dir / "tse_a" / "decode_test" / "decode.json"
    decode.write_text(
        '{"rtf": 0.123456, "peak_memory_mb": 812, "settings": {"mode": "greedy", "seed": 7, "top_k": null}}'
    )
    text = build_page(collect_results(exp_dir), exp_dir, OPTIONS)
    assert "Decoding of test by system2" in text
    assert "0.1235" in text
    assert "mode greedy, seed 7<" in text


def test_broken_decode_file_names_itself(exp_dir):
    (exp_dir / "tse_a" / "decode_test" / "decode.json").write_text("{")
    with pytest.raises(DataError, match="decode.json: not JSON"):
        build_page(collect_results(exp_dir), exp_dir, OPTIONS)


def test_broken_config_names_itself(exp_dir):
    (exp_dir / "tse_a" / "config.yaml").write_text("a: [")
    with pytest.raises(DataError, match="config.yaml: not YAML"):
        build_page(collect_results(exp_dir), exp_dir, OPTIONS)


def test_word_error_rates_of_utterances_are_per_cent_as_in_the_head(exp_dir, write_result):
    wer = {"dwer_whisper": {"corpus": 0.5, "ci95": None, "norm": "basic", "asr": "whisper"}}
    path = write_result(exp_dir / "tse_c" / "decode", "system3", scores={"si_sdr": 1.0}, wer=wer)
    scores = path.parent / "scores.jsonl"
    scores.write_text(
        scores.read_text().replace('"len_ratio": 1.0', '"dwer_whisper": 0.25, "len_ratio": 1.0')
    )
    text = build_page(collect_results(exp_dir), exp_dir, OPTIONS)
    assert 'dWER%<span class="model">whisper</span>' in text
    assert '<td data-value="0.25">25.0</td>' in text

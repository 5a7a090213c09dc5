import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from espnet_tse.report.page_templates import arrow, breakable, minus, render


def facts(heading: str, name: str, value: str) -> str:
    return render("reproducibility.html", cards=[(heading, [(name, value)])])


def test_text_is_escaped_and_html_is_not_escaped_twice():
    text = facts("<b>&", Markup("<br>"), '"x"')
    assert "<h3>&lt;b&gt;&amp;</h3>" in text
    assert "<dt><br></dt><dd><code>&#34;x&#34;</code></dd>" in text


def test_what_a_template_lacks_is_an_error():
    with pytest.raises(UndefinedError, match="'cards' is undefined"):
        render("reproducibility.html")


def test_names_may_be_broken_and_stay_escaped():
    assert breakable("a_<b>") == "a_<wbr>&lt;b&gt;"


def test_marks_stay_with_the_word_before_them():
    assert breakable("long name † ‡") == "long name\N{NO-BREAK SPACE}†\N{NO-BREAK SPACE}‡"


def test_signs():
    assert minus("-1.5") == "−1.5"
    assert [arrow(each) for each in (True, False, None)] == [" ↑", " ↓", ""]

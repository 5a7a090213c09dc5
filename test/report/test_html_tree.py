from espnet_tse.report.html_tree import Html, breakable, element, join, two_lines


def test_text_and_attributes_are_escaped():
    assert element("p", "<b>&", title='"x"') == '<p title="&quot;x&quot;">&lt;b&gt;&amp;</p>'


def test_html_is_not_escaped_twice():
    assert element("p", element("b", "a&b")) == "<p><b>a&amp;b</b></p>"


def test_children_may_be_nested_and_none():
    assert join([["a", None], (Html("<br>"), 3, 1.5)]) == "a<br>31.5"


def test_attribute_names():
    markup = element("th", class_="c", data_value="", hidden=False, disabled=True, title=None)
    assert markup == '<th class="c" data-value="" disabled></th>'


def test_void_elements_have_no_end():
    assert element("img", alt="a") == '<img alt="a">'
    assert element("line", x1=1) == '<line x1="1"/>'


def test_names_may_be_broken_and_stay_escaped():
    assert breakable("a_<b>") == "a_<wbr>&lt;b&gt;"


def test_marks_stay_with_the_word_before_them():
    assert breakable("long name † ‡") == "long name\N{NO-BREAK SPACE}†\N{NO-BREAK SPACE}‡"


def test_brackets_go_below():
    assert two_lines("spk(<m>)", " ↑") == 'spk ↑<span class="model">&lt;m&gt;</span>'
    assert two_lines("SIG") == "SIG"

"""Pictures of other commands in the page."""

import logging

from matplotlib.figure import Figure

from espnet_tse.report.collect import collect_results
from espnet_tse.report.group_tables import build_groups
from espnet_tse.report.html_figures import find_figures
from espnet_tse.report.html_page import PageOptions, build_page


def draw(path) -> None:
    path.parent.mkdir(parents=True)
    Figure().savefig(path, format="png")


def test_pictures_are_found_in_order_and_others_are_left_out(tmp_path, caplog):
    draw(tmp_path / "tse_b" / "steps.png")
    draw(tmp_path / "tse_a" / "di" / "di.png")
    draw(tmp_path / "tse_a.old.1" / "di" / "di.png")  # moved aside for a newer one
    (tmp_path / "tse_a" / "steps.png").write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING):
        figures = find_figures(tmp_path)
    assert [figure.place for figure in figures] == ["tse_a/di", "tse_b"]
    assert all(figure.source.startswith("data:image/png;base64,iVBOR") for figure in figures)
    assert "tse_a/steps.png: no PNG" in caplog.text


def test_the_page_has_a_section_of_them_where_there_are_any(exp_dir):
    groups = build_groups(collect_results(exp_dir), [])
    assert 'id="figures"' not in build_page(groups, exp_dir, PageOptions())
    draw(exp_dir / "tse_x" / "di_test" / "di.png")
    page = build_page(groups, exp_dir, PageOptions())
    assert page.index('href="#utterances"') < page.index('href="#figures"') < page.index('href="#training"')
    assert page.index('<section id="figures"') < page.index('<section id="training"')
    assert "What is removed, what is added: tse_x/di_test" in page

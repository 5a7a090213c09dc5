from espnet_tse.report.collect import ComparableGroup, collect_results
from espnet_tse.report.columns import Column
from espnet_tse.report.group_tables import GroupTables, build_groups
from espnet_tse.report.html_summary import summary_section
from espnet_tse.report.results_table import Table


def table_of(head: str, higher_is_better: bool | None) -> str:
    column = Column(head, "metric", "x", 2, 1, higher_is_better, "what it is")
    return summary_section([GroupTables(ComparableGroup("test", "s", []), [Table("A", [column], [])])])


def test_brackets_go_below_and_the_arrow_stays_with_the_name():
    assert '>spk ↑<span class="model">&lt;m&gt;</span></abbr>' in table_of("spk(<m>)", True)
    assert ">SIG</abbr>" in table_of("SIG", None)


def test_character_errors_are_explained_as_such(tmp_path, write_result):
    entry = {"corpus": 0.1, "ci95": None, "hallucination_rate": 0.05}
    path = write_result(tmp_path, "A", wer={"cer_x": entry, "dcer_x": {"corpus": 0.2}})
    text = summary_section(build_groups(collect_results(None, [path])))
    assert text.count("corpus character error rate against") == 2 and "word error" not in text
    assert "more character errors than characters" in text

from espnet_tse.report.collect import ComparableGroup
from espnet_tse.report.columns import Column
from espnet_tse.report.group_tables import GroupTables
from espnet_tse.report.html_summary import summary_section
from espnet_tse.report.results_table import Table


def table_of(head: str, higher_is_better: bool | None) -> str:
    column = Column(head, "metric", "x", 2, 1, higher_is_better, "what it is")
    return summary_section([GroupTables(ComparableGroup("test", "s", []), [Table("A", [column], [])])])


def test_brackets_go_below_and_the_arrow_stays_with_the_name():
    assert '>spk ↑<span class="model">&lt;m&gt;</span></abbr>' in table_of("spk(<m>)", True)
    assert ">SIG</abbr>" in table_of("SIG", None)

"""The page's summary: the results tables of every test set."""

from espnet_tse.report.html_tree import Html, bind_marks, breakable, element, minus, two_lines
from espnet_tse.report.results_file import numbered, protocol_name, split_notice
from espnet_tse.report.results_table import GroupTables, Row, Table


def summary_section(groups: list[GroupTables]) -> Html:
    """The tables of each comparable group, one heading a test set."""
    parts: list[Html] = [element("h2", "Results")]
    for number, of_set, tables in numbered(groups):
        if number == 1:
            parts.append(element("h3", tables.group.test_set))
            if len(of_set) > 1:
                parts.append(element("p", split_notice(of_set), class_="notice"))
        if len(of_set) > 1:
            parts.append(element("h3", protocol_name(tables, number, len(of_set))))
        parts += [scrolling_card(results_table(table)) for table in tables.tables]
        parts.append(element("ul", (element("li", bind_marks(note)) for note in tables.notes), class_="notes"))
    return element("section", parts, id="results")


def scrolling_card(content: Html) -> Html:
    """A card whose content may be wider than the screen; edges.js marks the side where it goes on."""
    return element("div", element("div", content, class_="scroll", tabindex=0), class_="card edged")


def results_table(table: Table) -> Html:
    heads = [element("th", "system", class_="name", scope="col"), element("th", "N", scope="col")]
    for column in table.columns:
        arrow = {True: " ↑", False: " ↓", None: ""}[column.higher_is_better]
        text = element("abbr", two_lines(column.head, arrow), title=column.explanation)
        heads.append(element("th", text, scope="col"))
    if table.shows_coverage:
        heads.append(
            element("th", element("abbr", "scored", title="of all utterances; penalised, excluded"), scope="col")
        )
    rows = [table_row(table, row) for row in table.rows]
    name, _, text = table.title.partition(", ")
    caption = element("caption", element("span", element("b", f"Table {name}"), f": {text}"))
    return element("table", caption, element("thead", element("tr", heads)), element("tbody", rows))


def table_row(table: Table, row: Row) -> Html:
    cells = [
        element("th", breakable(row.system), class_="name", scope="row", title=row.result.source or None)
    ]
    cells.append(element("td", "–" if row.count is None else row.count))
    for index, (column, value) in enumerate(zip(table.columns, row.values)):
        if value is None:
            cells.append(element("td", "–"))
            continue
        text = minus(column.format(value.mean))
        wins = table.is_best(row, index)
        interval = None
        if value.half_ci is not None:
            interval = element("span", f"±{column.format(value.half_ci)}", class_="ci")
        cells.append(
            element("td", element("b", text) if wins else text, interval, class_="best" if wins else None)
        )
    if table.shows_coverage:
        cells.append(element("td", row.coverage or "–"))
    kind = "paper" if row.is_paper else "reference" if row.result.is_reference else None
    return element("tr", cells, class_=kind)

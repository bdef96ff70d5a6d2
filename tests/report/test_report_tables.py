from io import StringIO

from report_samples import recipe, summary, write_run
from rich.console import Console

from recval.report import console_table
from recval.report.tables import MetricTable, Row, Score


def test_rows():
    table = MetricTable.of(summary(dvr=(0.0103, 1e-9)))
    assert (table.metrics, table.validation, table.baseline) == (("ndcg@10",), ("mrr@5",), "plain")
    assert [row.name for row in table.methods] == ["plain", "placebo", "DVR"]
    assert table.methods[0] == Row("plain", (Score("0.3000 ± 0.0141"),), ("0.2000 ± 0.0000",))
    assert table.methods[2].scores == (Score("0.3100 ± 0.0141", "+0.0103", "[0.0073, 0.0133]", "< 0.0001", True),)
    assert table.references == (Row("EASE", (Score("0.4321"),), ("",)),)


def test_bold_is_what_is_below_the_level_after_the_adjustment():
    found = summary(dvr=(0.01, 0.051))
    found["comparisons"]["ndcg@10"]["DVR"]["t_p_value"] = 0.02
    assert not MetricTable.of(found).methods[2].scores[0].found


def test_one_seed_has_a_dash_for_the_deviation():
    table = MetricTable.of(summary(seeds=((0.29,), (0.30,))))
    assert table.methods[0].scores[0].mean == "0.2900 ± –"
    assert table.methods[0].validation == ("0.2000 ± –",)


def test_a_method_may_have_no_validation_metric():
    found = summary()
    found["validation"]["DVR"] = {}
    assert MetricTable.of(found).methods[2].validation == ("–",)


def test_the_terminal_shows_the_same_and_reads_no_markup_from_names(tmp_path):
    found = summary()
    for part in (found["methods"], found["validation"], found["comparisons"]["ndcg@10"]):
        part["[red]DVR[/]"] = part.pop("DVR")
    console = Console(width=120, record=True, file=StringIO())
    console.print(console_table(write_run(tmp_path, found, recipe())))
    lines = console.export_text().splitlines()
    (ours,) = (line.split() for line in lines if "[red]DVR[/]" in line)
    assert ours == ["[red]DVR[/]", "0.3100", "±", "0.0141", "+0.0103", "<", "0.0001"]
    assert any(line.split() == ["EASE", "0.4321"] for line in lines)

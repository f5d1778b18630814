"""The picture of the schema in its page is the schema's."""

from __future__ import annotations

from pathlib import Path

from persistence.diagram import entity_diagram
from persistence.schema import metadata

STORAGE = Path(__file__).parents[2] / "docs" / "storage.md"


def test_the_page_of_storage_shows_the_schema_as_it_is() -> None:
    text = STORAGE.read_text()
    shown = text.split("<!-- schema:begin -->\n")[1].split("\n<!-- schema:end -->")[0]
    assert shown == entity_diagram(), "paste the output of `python -m persistence.diagram` between the marks"


def test_every_relation_and_column_is_in_the_diagram() -> None:
    diagram = entity_diagram()
    for relation in metadata.sorted_tables:
        block = diagram.split(f"    {relation.name} {{\n")[1].split("    }")[0]
        assert [line.split()[1] for line in block.splitlines()] == [
            column.name for column in relation.columns
        ]

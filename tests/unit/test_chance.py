"""One commit has one verdict: what examples are made depends on nothing but the tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests import chance


def drawn() -> list[object]:
    made: list[object] = []

    @settings(max_examples=30)
    @given(some.lists(some.integers() | some.text(max_size=9), min_size=20, max_size=20))
    def examples(values: list[int | str]) -> None:
        made.append(values)

    examples()
    return made


@pytest.mark.skipif(chance.SEED > 0, reason="here chance is wanted")
def test_the_same_examples_are_made_whatever_code_is_imported_meanwhile(tmp_path: Path) -> None:
    before = drawn()
    code = tmp_path / "odd.py"
    code.write_text(f"ODD = {list(range(70_001, 70_101))}, {[chr(97 + n) * 7 for n in range(26)]}")
    found = importlib.util.spec_from_file_location("odd", code)
    assert found is not None
    assert found.loader is not None
    module = sys.modules["odd"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    try:
        assert drawn() == before
    finally:
        del sys.modules["odd"]

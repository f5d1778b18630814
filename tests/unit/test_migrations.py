"""The steps of the schema are one chain, in the order of their numbers."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

import persistence


def test_there_is_one_newest_step_and_each_follows_the_one_before_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(persistence.__file__).parent / "migrations"))
    steps = ScriptDirectory.from_config(config)
    assert len(steps.get_heads()) == 1
    chain = [(step.revision, step.down_revision) for step in steps.walk_revisions()][::-1]
    numbers = [f"{number:04d}" for number in range(1, len(chain) + 1)]
    assert chain == list(zip(numbers, [None, *numbers], strict=False))
    files = sorted((Path(steps.versions)).glob("v*.py"))
    assert [file.name[1:5] for file in files] == numbers

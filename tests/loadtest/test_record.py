"""What clients recorded comes back as it was written, whatever became of the process that wrote it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from loadtest.record import Call, Fault, Recorder, Sale, View, read_records

CALL = Call("c", "hold", "e", 1, 2, 201, view=View("held", 3, (("A", 2, 4500),), 9000, 1))
SALE = Sale("e", "name", 1, (("A", 5),), capacity=3)


def test_entries_of_all_processes_are_read_back(tmp_path: Path) -> None:
    with Recorder(tmp_path, "one") as one, Recorder(tmp_path, "two") as two:
        one.write(CALL)
        two.write(SALE)
        one.write(Fault("owner", 1, 2))
    assert list(read_records(tmp_path)) == [CALL, Fault("owner", 1, 2), SALE]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    with Recorder(tmp_path, "one") as recorder:
        recorder.write(CALL)
        recorder.write(SALE)
    recorder.path.write_bytes(recorder.path.read_bytes()[:-5])
    assert list(read_records(tmp_path)) == [CALL]


def test_a_torn_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"type":"call"\n{}\n')
    with pytest.raises(msgspec.MsgspecError):
        list(read_records(tmp_path))


def test_entries_reach_the_file_within_a_second(tmp_path: Path) -> None:
    """The first one at once; a process that is killed then has lost nothing older than that."""
    recorder = Recorder(tmp_path, "one")
    recorder.write(CALL)
    assert list(read_records(tmp_path)) == [CALL]
    recorder.close()

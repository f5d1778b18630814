"""What was asked for behind the scenes, held against the journal."""

from __future__ import annotations

import msgspec
import pytest

from domain.messages import Code, Rejected
from loadtest.auditor.findings import Check
from loadtest.auditor.requests import RequestRow
from loadtest.auditor.submissions import DONE, REJECTED, SubmissionRow
from tests.loadtest.sound_sale import ADA, BOB, SoundSale, failed
from tests.loadtest.test_auditor_dining import SoundDining

NOBODY = "nobody"
NO = msgspec.msgpack.encode(Rejected(Code.SOLD_OUT, "Nothing is left."))
SOUND = [
    SubmissionRow(ADA, DONE, ADA, True),
    SubmissionRow(NOBODY, DONE, BOB, True),
    SubmissionRow(NOBODY, REJECTED, None, False),
    SubmissionRow(NOBODY, "pending", None, False),
    SubmissionRow(ADA, "pending", None, True),
]
WRONG = [
    SubmissionRow(ADA, DONE, NOBODY, True),
    SubmissionRow(ADA, REJECTED, None, False),
    SubmissionRow(NOBODY, REJECTED, None, True),
]


def test_submissions_that_were_answered_as_the_journal_says_are_sound() -> None:
    sale = SoundSale(submitted=SOUND)
    sale.requested.append(RequestRow(b"rejected", NO, of_rejected=True))
    verdict = sale.audit()
    assert verdict.sound
    looked_at = {result.check: result.looked_at for result in verdict.results}
    assert looked_at[Check.SUBMISSIONS.title] == len(SOUND)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_submission_that_was_answered_otherwise_is_found(wrong: SubmissionRow) -> None:
    assert failed(SoundSale(submitted=[*SOUND, wrong]).audit()) == {Check.SUBMISSIONS.title}


def test_submissions_to_restaurants_are_looked_at_too() -> None:
    dining = SoundDining()
    dining.submitted = [SubmissionRow(NOBODY, DONE, dining.stored[0].id, True)]
    assert failed(dining.audit()) == set()
    dining.submitted = [SubmissionRow(dining.stored[0].id, REJECTED, None, False)]
    assert failed(dining.audit()) == {Check.SUBMISSIONS.title}

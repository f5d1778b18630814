"""What is shown of a submission until there is a reservation to show."""

from __future__ import annotations

from typing import Literal

from domain.messages import Code
from server.problems import ProblemBody
from server.views import View


class AcceptedView(View, frozen=True):
    """A reservation that will be asked for. `token` opens the submission, and later its reservation."""

    id: str
    token: str
    status: Literal["pending"] = "pending"


class PendingView(View, frozen=True):
    """No answer yet."""

    id: str
    status: Literal["pending"] = "pending"


class RejectedView(View, frozen=True):
    """The answer was no, for good. `problem`: what a request that waited would have been told."""

    id: str
    code: Code
    problem: ProblemBody
    status: Literal["rejected"] = "rejected"

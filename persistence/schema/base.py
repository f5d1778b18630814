"""Where all relations are registered, and the type of an id."""

from __future__ import annotations

from sqlalchemy import MetaData, Uuid

metadata = MetaData()

ID = Uuid(as_uuid=False)

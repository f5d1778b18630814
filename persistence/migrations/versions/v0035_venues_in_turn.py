"""Who gives an event its time in a venue waits for its turn there.

An exclusion constraint enters a row first and looks second: of several rows for one time that are entered
at once, each finds another and waits for it. PostgreSQL ends such a ring, at one statement a second, and with
eight of them nobody had made an event before all had run out of time. The lock comes before the row is
entered, so that the first has the time, and the others hear that it is taken.

Its key is the venue's alone: two venues whose hashes are the same wait for each other, and no more than that.
"""

from __future__ import annotations

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE FUNCTION venue_in_turn() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- The first number sets these locks apart from others of two numbers; there are none so far.
        PERFORM pg_advisory_xact_lock(1, hashtext(NEW.seating ->> 'venue_id'));
        RETURN NEW;
    END $$
    """,
    # A change of an event begins as an insert too: ON CONFLICT.
    """
    CREATE TRIGGER events_venue_in_turn BEFORE INSERT ON events
    FOR EACH ROW WHEN (NEW.during IS NOT NULL) EXECUTE FUNCTION venue_in_turn()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

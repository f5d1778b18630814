"""No event is made in a venue that is being removed.

An event has its venue in JSON, and what is removed keeps its row, so no foreign key can say it. The lock is
that of one: who makes an event in a venue holds it until the commit, and who removes the venue waits for it.
"""

from __future__ import annotations

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE FUNCTION venue_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        gone_ms bigint;
    BEGIN
        SELECT removed_ms INTO gone_ms FROM venues
         WHERE id = (NEW.seating ->> 'venue_id')::uuid FOR KEY SHARE;
        IF gone_ms IS NOT NULL THEN
            RAISE foreign_key_violation
                  USING MESSAGE = 'the venue is removed', CONSTRAINT = 'events_venue', TABLE = 'events';
        END IF;
        RETURN NULL;
    END $$
    """,
    # After, not before: a change of an event is an insert too, up to the conflict.
    """
    CREATE TRIGGER events_venue AFTER INSERT ON events
    FOR EACH ROW WHEN (NEW.seating IS NOT NULL) EXECUTE FUNCTION venue_is_there()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

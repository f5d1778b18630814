"""The audit log."""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE audit_log (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at_ms bigint NOT NULL,
        actor text NOT NULL,
        role text NOT NULL,
        organiser_id text,
        method text NOT NULL,
        route text NOT NULL,
        path text NOT NULL,
        thing text,
        made text,
        request_id text NOT NULL,
        status integer,
        problem text
    )
    """,
    "CREATE INDEX audit_log_of_actor ON audit_log (actor, number)",
    """
    CREATE INDEX audit_log_of_organiser ON audit_log (organiser_id, number) WHERE organiser_id IS NOT NULL
    """,
    "CREATE INDEX audit_log_of_thing ON audit_log (thing, number) WHERE thing IS NOT NULL",
    "CREATE INDEX audit_log_of_made ON audit_log (made, number) WHERE made IS NOT NULL",
    # Append-only, whoever asks; `append_only` is the ledger's.
    """
    CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION append_only()
    """,
    """
    CREATE TRIGGER audit_log_not_emptied BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION append_only()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

"""Payments, refunds, what was asked of providers, the sandbox's memory, and the ledger of wallets."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE payments (
        id uuid PRIMARY KEY,
        inventory_id uuid NOT NULL,
        reservation_id uuid NOT NULL,
        request_id bytea NOT NULL CONSTRAINT payments_request UNIQUE,
        fingerprint bytea NOT NULL,
        provider text NOT NULL,
        method text NOT NULL,
        step text NOT NULL,
        standing text NOT NULL,
        amount bigint,
        currency text,
        captured boolean NOT NULL,
        promised bigint NOT NULL,
        refunded bigint NOT NULL,
        provider_ref text,
        action_url text,
        error text,
        detail text,
        deadline_ms bigint NOT NULL,
        created_ms bigint NOT NULL,
        updated_ms bigint NOT NULL,
        wake_ms bigint,
        attempts integer NOT NULL,
        pauses integer NOT NULL,
        CONSTRAINT payments_back CHECK (refunded >= 0 AND refunded <= promised
            AND promised <= CASE WHEN captured THEN amount ELSE 0 END)
    ) WITH (fillfactor = 50)
    """,
    "CREATE INDEX payments_due ON payments (wake_ms) WHERE wake_ms IS NOT NULL",
    "CREATE INDEX payments_of_reservation ON payments (reservation_id)",
    "CREATE INDEX payments_of_inventory ON payments (inventory_id, id)",
    """
    CREATE TABLE refunds (
        id uuid PRIMARY KEY,
        payment_id uuid NOT NULL CONSTRAINT refunds_payment REFERENCES payments (id),
        amount bigint NOT NULL CONSTRAINT refunds_amount CHECK (amount > 0),
        reason text NOT NULL,
        step text NOT NULL,
        lines json NOT NULL,
        before json NOT NULL,
        error text,
        request_id bytea NOT NULL CONSTRAINT refunds_request UNIQUE,
        fingerprint bytea NOT NULL,
        created_ms bigint NOT NULL,
        updated_ms bigint NOT NULL,
        wake_ms bigint,
        attempts integer NOT NULL,
        pauses integer NOT NULL
    )
    """,
    "CREATE INDEX refunds_due ON refunds (wake_ms) WHERE wake_ms IS NOT NULL",
    "CREATE INDEX refunds_of_payment ON refunds (payment_id)",
    """
    CREATE TABLE payment_steps (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        payment_id uuid NOT NULL,
        at_ms bigint NOT NULL,
        step text NOT NULL,
        key text NOT NULL,
        result text NOT NULL
    )
    """,
    "CREATE INDEX payment_steps_of ON payment_steps (payment_id, number)",
    """
    CREATE TABLE sandbox_charges (
        key text PRIMARY KEY,
        state text NOT NULL,
        amount bigint NOT NULL,
        currency text NOT NULL,
        ready_ms bigint NOT NULL,
        asked integer NOT NULL
    )
    """,
    "CREATE TABLE sandbox_refunds (key text PRIMARY KEY, charge text NOT NULL, amount bigint NOT NULL)",
    """
    CREATE TABLE ledger_accounts (
        id uuid PRIMARY KEY,
        kind text NOT NULL,
        name text NOT NULL,
        currency text NOT NULL,
        balance bigint,
        created_ms bigint NOT NULL,
        CONSTRAINT ledger_accounts_name UNIQUE (kind, name, currency),
        CONSTRAINT ledger_accounts_currency UNIQUE (id, currency),
        CONSTRAINT ledger_accounts_balance CHECK (
            CASE kind WHEN 'wallet' THEN balance IS NOT NULL AND balance >= 0 ELSE balance IS NULL END)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE ledger_movements (
        id uuid PRIMARY KEY,
        number bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT ledger_movements_number UNIQUE,
        at_ms bigint NOT NULL,
        kind text NOT NULL,
        from_id uuid NOT NULL,
        to_id uuid NOT NULL,
        amount bigint NOT NULL,
        currency text NOT NULL,
        payment_id uuid,
        reason text,
        done_by text,
        CONSTRAINT ledger_from FOREIGN KEY (from_id, currency) REFERENCES ledger_accounts (id, currency),
        CONSTRAINT ledger_to FOREIGN KEY (to_id, currency) REFERENCES ledger_accounts (id, currency),
        CONSTRAINT ledger_movements_apart CHECK (from_id <> to_id),
        CONSTRAINT ledger_movements_amount CHECK (
            CASE kind WHEN 'void' THEN amount = 0 ELSE amount > 0 END)
    )
    """,
    "CREATE INDEX ledger_movements_from ON ledger_movements (from_id, number)",
    "CREATE INDEX ledger_movements_to ON ledger_movements (to_id, number)",
    # Each movement is two entries that sum to zero: what one account gives, another takes.
    """
    CREATE VIEW ledger_entries AS
    SELECT id AS movement_id, from_id AS account_id, -amount AS amount, number FROM ledger_movements
    UNION ALL SELECT id, to_id, amount, number FROM ledger_movements
    """,
    # Append-only, whoever asks.
    """
    CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '23514'; END $$
    """,
    """
    CREATE TRIGGER ledger_movements_append_only BEFORE UPDATE OR DELETE ON ledger_movements
    FOR EACH ROW EXECUTE FUNCTION append_only()
    """,
    """
    CREATE TRIGGER payment_steps_append_only BEFORE UPDATE OR DELETE ON payment_steps
    FOR EACH ROW EXECUTE FUNCTION append_only()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

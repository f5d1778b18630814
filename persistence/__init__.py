"""Where what is durable lives: PostgreSQL, the read copies in Redis, and a memory store. All SQL is here."""

"""The one process that starts, watches and ends every other: PostgreSQL, Valkey, Ray and the front ends."""

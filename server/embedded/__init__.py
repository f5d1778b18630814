"""The servers Turnstile brings along for those who have none: PostgreSQL, Valkey and a Ray head, on
127.0.0.1.
"""

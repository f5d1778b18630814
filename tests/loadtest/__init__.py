"""Tests of what looks at Turnstile from outside."""

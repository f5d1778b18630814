"""Load, benchmarks and the auditor: everything that looks at Turnstile from outside."""

"""Faults on purpose: parts are killed and stopped under load, and the auditor looks at what was promised."""

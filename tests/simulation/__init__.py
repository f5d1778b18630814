"""Deterministic simulation: gateways, owners, timers and a store on one virtual-time event loop.

Everything that is left to chance comes from one seed: which process runs next, how long a message or a
statement takes, what is lost, doubled or late, who is killed or frozen, whose clock is off, and what the
clients ask. A seed that fails is printed and replays exactly (`python -m tests.simulation --seed N -v`).
"""

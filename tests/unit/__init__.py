"""Rules and small parts, each alone: no loop, no store, no process."""

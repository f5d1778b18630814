"""Owners, timers, and the gateway to them: the processes that hold inventories and take turns."""

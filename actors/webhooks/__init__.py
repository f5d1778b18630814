"""Webhooks: what a fact says outside (`bodies`), who is told when (`courier`), the way there (`reach`)."""

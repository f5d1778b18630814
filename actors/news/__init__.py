"""News: the journal followed (`follower`), by an actor that sends what tells of it (`process`)."""

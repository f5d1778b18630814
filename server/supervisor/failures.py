"""What a start or a command may fail with. The command line prints the message: one line, no traceback."""


class StartFailure(Exception):
    """A part cannot be started; the message says which, why, and what to do. Nothing is left half-started."""

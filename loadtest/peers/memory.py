"""The garbage collector as Turnstile has it (`actors/memory.py`), so that like is compared with like.

Said again here, since load tests import none of the server's code; a test compares the two.
"""

import gc

YOUNG_MAX_OBJECTS = 20_000
MIDDLE_MAX_COLLECTIONS = 20
OLD_MAX_COLLECTIONS = 50


def settle() -> None:
    """Call when the start is over: what is there now is never looked at again, the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX_OBJECTS, MIDDLE_MAX_COLLECTIONS, OLD_MAX_COLLECTIONS)

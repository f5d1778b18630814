"""A ticket's code as a QR code: SVG, with a margin, dark on white whatever the page is."""

from __future__ import annotations

import io

import segno

SVG = "image/svg+xml"
ERROR_LEVEL = "m"
"""A seventh of it may be dirt, or a finger."""
SCALE = 8


def picture(code: str) -> bytes:
    """An SVG document."""
    out = io.BytesIO()
    made = segno.make_qr(code, error=ERROR_LEVEL, boost_error=False)
    made.save(out, kind="svg", scale=SCALE, dark="#000", light="#fff", border=4, title="QR code")
    return out.getvalue()


def modules(code: str) -> tuple[tuple[bool, ...], ...]:
    """The same as rows of dark and light, without a margin."""
    made = segno.make_qr(code, error=ERROR_LEVEL, boost_error=False)
    return tuple(tuple(bool(dark) for dark in row) for row in made.matrix)

"""A ticket on paper: one page each, drawn from what is known of it. Plain computing, and slow: about 0.2 s.

Text is set in DejaVu Sans (Latin, Greek, Cyrillic and more); what that cannot write, in Droid Sans Fallback
(Chinese, Japanese, Korean), which is only opened where it is needed. Of both only the letters that occur are
put into the file. The licences lie beside the fonts.
"""

from __future__ import annotations

from pathlib import Path

from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos
from fpdf.fonts import TTFFont

from domain.ticket_codes import grouped
from server.ticket_paper import Paper, PaperTicket
from server.ticket_pictures import modules

FONTS = Path(__file__).parent / "fonts"
PAGE_WIDTH_MM, PAGE_HEIGHT_MM, MARGIN_MM = 148.0, 210.0, 12.0
WIDTH_MM = PAGE_WIDTH_MM - 2 * MARGIN_MM
HEAD_MM, PICTURE_MM = 50.0, 72.0
_INK, _FAINT, _BAND = (24, 28, 40), (110, 116, 130), (28, 44, 84)
_TEXT, _OTHER = "text", "other"


def drawn(paper: Paper) -> bytes:
    """The PDF."""
    pdf = FPDF(format=(PAGE_WIDTH_MM, PAGE_HEIGHT_MM))
    pdf.set_auto_page_break(False)
    pdf.set_margin(MARGIN_MM)
    pdf.set_title(paper.event)
    pdf.set_creator("Turnstile")
    _open_fonts(pdf, paper)
    for ticket in paper.tickets:
        pdf.add_page()
        _head(pdf, paper)
        _what(pdf, ticket)
        _code(pdf, ticket.code)
        _foot(pdf, paper, ticket)
    return bytes(pdf.output())


def _open_fonts(pdf: FPDF, paper: Paper) -> None:
    pdf.add_font(_TEXT, "", FONTS / "DejaVuSans.ttf")
    pdf.add_font(_TEXT, "B", FONTS / "DejaVuSans-Bold.ttf")
    words = [paper.event, paper.when, paper.where]
    words += [part for one in paper.tickets for part in (one.ticket_type, one.seat, one.holder)]
    font = pdf.fonts[_TEXT]
    known = font.cmap if isinstance(font, TTFFont) else {}
    if any(ord(letter) not in known for letter in "".join(words)):
        pdf.add_font(_OTHER, "", FONTS / "DroidSansFallbackFull.ttf")
        pdf.set_fallback_fonts([_OTHER], exact_match=False)


def _head(pdf: FPDF, paper: Paper) -> None:
    pdf.set_fill_color(*_BAND)
    pdf.rect(0, 0, PAGE_WIDTH_MM, HEAD_MM, style="F")
    pdf.set_text_color(255, 255, 255)
    pdf.set_xy(MARGIN_MM, 9)
    _lines(pdf, paper.event, "B", 20, most=2)
    pdf.ln(2)
    _lines(pdf, paper.when, "", 11.5, most=1)
    if paper.where:
        _lines(pdf, paper.where, "", 11.5, most=1)


def _what(pdf: FPDF, ticket: PaperTicket) -> None:
    pdf.set_xy(MARGIN_MM, HEAD_MM + 6)
    _named(pdf, "TICKET", ticket.ticket_type)
    if ticket.seat:
        _named(pdf, "SEAT", ticket.seat.replace("/", " · "))
    if ticket.holder:
        _named(pdf, "NAME", ticket.holder)


def _named(pdf: FPDF, label: str, value: str) -> None:
    pdf.set_text_color(*_FAINT)
    pdf.set_font(_TEXT, "", 8)
    pdf.cell(18, 7, label)
    pdf.set_text_color(*_INK)
    _lines(pdf, value, "B", 13, most=1, width_mm=WIDTH_MM - 18, height_mm=7)


def _code(pdf: FPDF, code: str) -> None:
    """The picture as rectangles, each of them a run of dark modules, so that no printer blurs it."""
    rows = modules(code)
    size = PICTURE_MM / len(rows)
    left, top = (PAGE_WIDTH_MM - PICTURE_MM) / 2, PAGE_HEIGHT_MM - PICTURE_MM - 32
    pdf.set_fill_color(0, 0, 0)
    for line, row in enumerate(rows):
        begin = 0
        while begin < len(row):
            end = begin
            while end < len(row) and row[end]:
                end += 1
            if end > begin:
                pdf.rect(left + begin * size, top + line * size, (end - begin) * size, size, style="F")
            begin = end + 1
    pdf.set_text_color(*_INK)
    pdf.set_xy(MARGIN_MM, top + PICTURE_MM + 4)
    halves = grouped(code)
    middle = halves.index(" ", len(halves) // 2)
    pdf.set_font(_TEXT, "", 9)
    for half in (halves[:middle], halves[middle + 1 :]):
        pdf.cell(WIDTH_MM, 5, half, align=Align.C, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _foot(pdf: FPDF, paper: Paper, ticket: PaperTicket) -> None:
    pdf.set_draw_color(210, 214, 222)
    pdf.line(MARGIN_MM, PAGE_HEIGHT_MM - 14, PAGE_WIDTH_MM - MARGIN_MM, PAGE_HEIGHT_MM - 14)
    pdf.set_xy(MARGIN_MM, PAGE_HEIGHT_MM - 12)
    pdf.set_text_color(*_FAINT)
    pdf.set_font(_TEXT, "", 7.5)
    pdf.cell(WIDTH_MM / 2, 5, f"Ticket {ticket.number} of {paper.of}: admits one, once.")
    pdf.cell(WIDTH_MM / 2, 5, paper.reservation_id, align=Align.R)


def _lines(
    pdf: FPDF,
    text: str,
    style: str,
    points: float,
    most: int,
    width_mm: float = WIDTH_MM,
    height_mm: float | None = None,
) -> None:
    """The text in at most so many lines: smaller, until it fits, and in the end cut off."""
    while True:
        pdf.set_font(_TEXT, style, points)
        height = height_mm or points * 0.46
        found = pdf.multi_cell(width_mm, height, text, dry_run=True, output="LINES")
        assert isinstance(found, list)
        if len(found) <= most or points < 7:
            break
        points *= 0.9
    for line in found[:most]:
        x = pdf.get_x()
        pdf.cell(width_mm, height, line.strip())
        pdf.set_xy(x, pdf.get_y() + height)
    pdf.set_x(MARGIN_MM)

"""Tables in Markdown pages between a mark and ``<!-- end -->``."""

from __future__ import annotations

END = "<!-- end -->"


def with_table(text: str, mark: str, table: str) -> str:
    """Return a page with a new table behind a mark; unchanged where the page does not have the mark.

    Args:
        text: The page.
        mark: The mark's words: ``<!-- settings of tap-carecycle -->`` is ``settings of tap-carecycle``.
        table: The table, without a line end.
    """
    begin = f"<!-- {mark} -->\n"
    if begin not in text:
        return text
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n{table}\n\n{END}{rest.split(END, 1)[1]}"

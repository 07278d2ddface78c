"""Numbers as text, the same in the terminal and on pages."""

from __future__ import annotations

__all__ = ["show_number", "show_percent"]


def show_number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, without an exponent where one can do without."""
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e+" in text else text


def show_percent(share: float) -> str:
    """A share of 0 to 1 as ``83 %``; ``<1 %`` rather than a zero that isn't one."""
    if 0 < share < 0.01:
        return "<1 %"
    if 0.99 < share < 1:
        return ">99 %"
    return f"{100 * share:.0f} %"

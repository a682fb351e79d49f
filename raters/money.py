"""Amounts and times in words, purely. Money is counted in whole minor units, such as cents."""

from __future__ import annotations

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "BRL": "R$", "NGN": "₦"}
PLACES = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"), 0),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Currencies whose minor unit is not a hundredth, by ISO 4217."""


def plain(minor: int, currency: str) -> str:
    """The amount as a number, for a table that programs read: 2480 cents are 24.80."""
    places = PLACES.get(currency, 2)
    if not places:
        return str(minor)
    whole, rest = divmod(abs(minor), 10**places)
    return f"{'-' if minor < 0 else ''}{whole}.{rest:0{places}d}"


def money(minor: int, currency: str) -> str:
    """The amount as a person reads it: €24.80, or 24.80 CHF where the currency has no sign of its own."""
    places = PLACES.get(currency, 2)
    whole, rest = divmod(abs(minor), 10**places)
    amount = f"{whole:,}.{rest:0{places}d}" if places else f"{whole:,}"
    minus = "−" if minor < 0 else ""
    sign = SIGNS.get(currency)
    return f"{minus}{sign}{amount}" if sign else f"{minus}{amount} {currency}"


def duration(seconds: float) -> str:
    """Hours and minutes: 31 h 20, 46 min."""
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d}"

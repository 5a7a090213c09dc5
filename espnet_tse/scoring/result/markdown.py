"""Names in Markdown tables."""


def escape(text: str) -> str:
    """Keep a name from ending a table cell, a line or starting an HTML tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")

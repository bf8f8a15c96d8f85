"""What the plots share: pieces of SVG, so that all look alike and need no library."""

import html

# Okabe and Ito: told apart by everybody.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a8a8a"]
STYLE = (
    "<style>.t{font-weight:bold;font-size:12px}.u{fill:#555}"
    ".g{stroke:#ddd;stroke-width:1}</style>"
)


def number(x):
    """As short as it is still right."""
    if x >= 1000000:
        return f"{x / 1000000:g}M"
    if x >= 10000:
        return f"{x / 1000:g}k"
    return f"{x:g}"


def text(x, y, what, more=""):
    """One piece of text; more: further attributes."""
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{html.escape(what)}</text>'


def document(width, height, title, parts):
    """The whole file, on white."""
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="9.5">',
        f"<title>{html.escape(title)}</title>",
        STYLE,
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"

# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG, by hand: every value a dot, the median a line, the middle half a box. Read without
colours, too: each row has its name and its median beside it."""
from xml.sax.saxutils import escape

from measure import report

WIDTH, LEFT, RIGHT, TOP = 800, 205, 150, 80
ROW, GAP, AXIS = 26, 52, 20
INK, PALE, BOX, DOT, BACKGROUND = "#24292f", "#8c959f", "#b6d4f0", "#1f6feb", "#ffffff"
STACK = ("#1f6feb", "#8250df", "#bf3989", "#cf222e", "#bc4c00", "#9a6700", "#4d7d0f", "#1b7c83",
         "#6e7781", "#afb8c1")


class Panel:
    """One metric. `rows`: (name, values); `zero`: draw from zero; `form`: writes a value."""

    def __init__(self, title, rows, zero=False, form=report.shorter):
        self.title, self.rows, self.zero, self.form = title, rows, zero, form

    def height(self):
        return GAP + ROW * len(self.rows)


class Stacks:
    """Bars of parts. `rows`: (name, {part: value})."""

    def __init__(self, title, rows, form=report.shorter):
        self.title, self.rows, self.form = title, rows, form
        self.parts = list(dict.fromkeys(part for _, parts in rows for part in parts))

    def height(self):
        return GAP + ROW * (len(self.rows) + (len(self.parts) + 3) // 4)


def text(x, y, words, size=12, anchor="start", colour=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}" font-weight="{weight}">{escape(words)}</text>')


def line(x1, y1, x2, y2, colour=PALE, width=1.0):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width}"/>')


def rectangle(x, y, width, height, fill):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" '
            f'fill="{fill}"/>')


def step_of(low, high, most=6):
    """A round distance of marks on an axis: 1, 2 or 5 times a power of ten."""
    wanted = (high - low) / most
    size = 1.0
    while size > wanted:
        size /= 10
    while size * 10 <= wanted:
        size *= 10
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= wanted)


def axis(low, high, form, bottom, top):
    """(place of a value, elements of the axis)"""
    if high <= low:
        low, high = low - 1, high + 1
    place = lambda value: LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)
    step = step_of(low, high)
    elements = []
    mark = int(low / step) * step
    while mark <= high + step * 1e-9:
        if mark >= low - step * 1e-9:
            rounded = 0.0 if abs(mark) < step / 2 else mark
            strong = rounded == 0.0
            elements.append(line(place(mark), top, place(mark), bottom,
                                 PALE if strong else "#d8dee4"))
            elements.append(text(place(mark), bottom + 14, form(rounded), 10, "middle", PALE))
        mark += step
    return place, elements


def draw_panel(panel, top):
    values = [value for _, some in panel.rows for value in some]
    low, high = min(values + [0] if panel.zero else values), max(values)
    margin = 0.04 * (high - low or abs(high) or 1)
    low, high = low - (0 if panel.zero and low == 0 else margin), high + margin
    first = top + AXIS
    bottom = first + ROW * len(panel.rows)
    place, elements = axis(low, high, panel.form, bottom, first)
    elements.insert(0, text(16, top + 10, panel.title, 13, weight="bold"))
    for number, (name, some) in enumerate(panel.rows):
        y = first + ROW * number + ROW / 2
        elements.append(text(LEFT - 10, y + 4, name, anchor="end"))
        quarter, middle, third = report.quartiles(some)
        elements.append(rectangle(place(quarter), y - 8, place(third) - place(quarter), 16, BOX))
        elements += [f'<circle cx="{place(value):.1f}" cy="{y:.1f}" r="2.5" fill="{DOT}" '
                     'fill-opacity="0.55"/>' for value in some]
        elements.append(line(place(middle), y - 10, place(middle), y + 10, INK, 2.0))
        elements.append(text(WIDTH - RIGHT + 14, y + 4,
                             f"{panel.form(middle)}  (n = {len(some)})"))
    return elements


def draw_stacks(stacks, top, colours):
    first = top + AXIS
    bottom = first + ROW * len(stacks.rows)
    most = max(sum(max(value, 0) for value in parts.values()) for _, parts in stacks.rows)
    place, elements = axis(0, 1.02 * most, stacks.form, bottom, first)
    elements.insert(0, text(16, top + 10, stacks.title, 13, weight="bold"))
    for number, (name, parts) in enumerate(stacks.rows):
        y = first + ROW * number + ROW / 2
        elements.append(text(LEFT - 10, y + 4, name, anchor="end"))
        at = 0
        for part, value in parts.items():
            if value > 0:
                elements.append(rectangle(place(at), y - 8, place(at + value) - place(at), 16,
                                          colours[part]))
                at += value
        elements.append(text(WIDTH - RIGHT + 14, y + 4, stacks.form(sum(parts.values()))))
    for number, part in enumerate(stacks.parts):
        x, y = 16 + 185 * (number % 4), bottom + AXIS + 14 + (ROW - 8) * (number // 4)
        elements.append(rectangle(x, y - 9, 10, 10, colours[part]))
        elements.append(text(x + 16, y, part, 11))
    return elements


def draw(title, subtitles, panels):
    """The whole plot as the text of an SVG file. `subtitles`: at most two lines."""
    elements = [text(16, 26, title, 16, weight="bold")]
    elements += [text(16, 44 + 16 * number, words, 11, colour=PALE)
                 for number, words in enumerate(subtitles)]
    parts = dict.fromkeys(part for panel in panels if isinstance(panel, Stacks)
                          for part in panel.parts)
    colours = {part: STACK[at % len(STACK)] for at, part in enumerate(parts)}  # in all the same
    top = TOP
    for panel in panels:
        elements += (draw_stacks(panel, top, colours) if isinstance(panel, Stacks) else
                     draw_panel(panel, top))
        top += panel.height()
    height = top + 8
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f"<title>{escape(title)}</title>",
        rectangle(0, 0, WIDTH, height, BACKGROUND), *elements, "</svg>", ""])

# SPDX-License-Identifier: Apache-2.0
"""Tables and plots of repeated measurements: medians with quartiles, because means of times follow
the worst disturbance of a shared machine."""
import statistics


def quartiles(values):
    """(first quartile, median, third quartile); of one value, the value."""
    if len(values) < 2:
        return (values[0],) * 3
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


def shorter(value):
    """Three significant digits, whole where larger, thousands separated."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"


def spread(values, form=shorter):
    low, middle, high = (form(value) for value in quartiles(values))
    return middle if low == high else f"{middle} [{low} … {high}]"


def percent(value):
    return f"{100 * value:+.1f} %"


def paired_change(before, after):
    """after/before − 1, pair by pair."""
    return [b / a - 1 for a, b in zip(before, after) if a]


def table(rows):
    """Columns as wide as their widest cell, the first to the left, a rule under the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in
                                             zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def box(values, low, high, width):
    """`├──[  |  ]──┤`: least, first quartile, median, third quartile, most."""
    span = high - low or 1.0
    place = lambda value: round((value - low) / span * (width - 1))
    line = [" "] * width
    first, middle, third = (place(value) for value in quartiles(values))
    for at in range(place(min(values)), place(max(values)) + 1):
        line[at] = "─"
    for at in range(first, third + 1):
        line[at] = "="
    line[place(min(values))], line[place(max(values))] = "├", "┤"
    line[first], line[third], line[middle] = "[", "]", "|"
    return "".join(line)


def plot(title, arms, width=60):
    """Boxes below each other on one scale. `arms`: (name, values)."""
    values = [value for _, some in arms for value in some]
    low, high = min(values), max(values)
    names = max(len(name) for name, _ in arms)
    lines = [title]
    for name, some in arms:
        lines.append(f"  {name.ljust(names)} {box(some, low, high, width)}".rstrip())
    ends = shorter(low), shorter(high)
    lines.append(f"  {' ' * names} {ends[0]}{ends[1].rjust(width - len(ends[0]))}")
    return "\n".join(lines)

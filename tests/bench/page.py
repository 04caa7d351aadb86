# SPDX-License-Identifier: Apache-2.0
"""The figures as scripts/COST.md shows them: tables made from gate.json, between two marks."""
import subject
from measure import plot

PAGE = subject.TREE / "scripts" / "COST.md"
PLOT = subject.TREE / "scripts" / "cost.svg"
BEGIN, END = "<!-- scripts/bench table -->", "<!-- end -->"
SUBJECTS = {"http": "nginx, a small file", "flask": "gunicorn and Flask", "node": "node http",
            "mysql": "a loop of MySQL", "curl": "a loop of libcurl", "sockets":
            "a loop of HTTP by plain sockets", "redis": "a loop of Redis"}
VARIANTS = (("again", "untraced again"), ("disabled", "disabled"), ("1%", "1 % sampled"),
            ("100%", "every request"), ("stable", "every request, stable names"))
# The figures' names: with a span, not sampled, on the exporter's thread, and of how many bytes.
SPANS = (
    ("http", ("per_span", "per_unsampled_request", "exporter_per_span", "bytes_of_head"),
     "server span of HTTP, a small head"),
    ("http", ("", "", "exporter_per_span_stable", ""), "the same, stable names"),
    ("http", ("per_span_browser", "per_unsampled_browser", "", "bytes_of_browser_head"),
     "server span of HTTP, a browser's head"),
    *((what, (f"per_{key}", f"per_unsampled_{key}", f"exporter_per_{key}", f"bytes_of_{key}"),
       title)
      for what, key, title in (
          ("mysql", "repeated_statement", "MySQL, the same statement again"),
          ("mysql", "new_statement", "MySQL, a new statement"),
          ("redis", "command", "Redis, a command"),
          ("sockets", "request", "HTTP client, plain sockets"),
          ("curl", "transfer", "libcurl, besides what it spends on one more header"))),
)


def markdown(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)


def number(value, form="{:,}"):
    return form.format(value) if value is not None else "–"


def span_rows(record):
    rows = [("instructions a call (callgrind)", "bytes", "with a span", "not sampled",
             "exporter's thread")]
    for what, (traced, unsampled, exporter, size), title in SPANS:
        figures = record.get(what, {}).get("instructions")
        if figures:
            rows.append((title, str(figures.get(size) or ""),
                         *(number(figures.get(key)) if key else ""
                           for key in (traced, unsampled, exporter))))
    return rows


def ratio(figures):
    if not figures or "ratio" not in figures:
        return "no clean pair"
    low, high = figures["ratio_quartiles"]
    return f"×{figures['ratio']:.3f} [{low:.3f} … {high:.3f}], {figures['pairs']} pairs"


def cpu_rows(record):
    rows = [("CPU a request, of untraced: median [quartiles]", *(title for _, title in VARIANTS))]
    for what, title in SUBJECTS.items():
        figures = record.get(what, {}).get("cpu", {})
        for where, beside in (("same", ""), ("other", ", exporter on the load's CPU")):
            variants = figures.get(f"exporter_{where}")
            if variants:
                plain = number(figures.get("us_per_request_untraced"), "{} µs")
                rows.append((f"{title}{beside} ({plain})",
                             *(ratio(variants[name]) if name in variants else ""
                               for name, _ in VARIANTS)))
    return rows


def latency_rows(record):
    rows = [("p99, of untraced beside it", "requests/s", "every request", "stable names", "pairs")]
    for what, title in SUBJECTS.items():
        figures = record.get(what, {}).get("cpu", {})
        for where, beside in (("same", ""), ("other", ", exporter on the load's CPU")):
            variants = figures.get(f"exporter_{where}", {})
            full, stable = variants.get("100%", {}), variants.get("stable", {})
            for key in sorted((key for key in full if key.startswith("p99_ratio_at_")),
                              key=lambda key: int(key.rpartition("_")[2])):
                rate = int(key.rpartition("_")[2])
                rows.append((title + beside, f"{rate:,}", number(full[key], "×{:.2f}"),
                             number(stable.get(key), "×{:.2f}"),
                             str(full[f"p99_pairs_at_{rate}"])))
    return rows


def other_rows(record):
    http = record.get("http", {})
    wire, idle = http.get("bytes", {}), record.get("idle", {}).get("idle", {})
    start, cpu = http.get("startup", {}), http.get("cpu", {})
    return [
        ("other", ""),
        ("a server span on the wire, bytes (gzip)",
         f"{number(wire.get('per_span'))} ({number(wire.get('per_span_gzip'))})"),
        ("the same with the stable names alone",
         f"{number(wire.get('per_span_stable'))} ({number(wire.get('per_span_stable_gzip'))})"),
        ("an nginx worker, MB: resident, proportional, private",
         ", ".join(number(cpu.get(f"{key}_mb_added"), "{:+}")
                   for key in ("resident", "proportional", "private"))),
        ("wake-ups of the agent's thread in 30 idle seconds", number(idle.get("wake_ups_in_30_s"))),
        ("`true`, start to end, ms", number(start.get("ms_added"), "{:+}")),
        ("`sleep`, MB resident", number(start.get("resident_mb_added"), "{:+}")),
    ]


def table(record):
    found = [span_rows(record), cpu_rows(record), latency_rows(record), other_rows(record)]
    return "\n\n".join(markdown(rows) for rows in found if len(rows) > 1)


def panels(record):
    """Of the plot: what of the record is no single figure."""
    return [plot.Stacks(f"{title}: instructions a span, by group",
                        list(record[what]["instructions"]["groups"].items()))
            for what, title in SUBJECTS.items() if "instructions" in record.get(what, {})]


def replace(text, record):
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{PAGE}: the marks {BEGIN} and {END} are missing")
    return f"{before}{BEGIN}\n\n{table(record)}\n\n{END}{after}"


def refresh(record):
    PAGE.write_text(replace(PAGE.read_text(encoding="utf-8"), record), encoding="utf-8")
    print(f"written: {PAGE.relative_to(subject.TREE)}")

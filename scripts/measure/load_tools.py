# SPDX-License-Identifier: Apache-2.0
"""What common load tools say: wrk (--latency), ab, hey, oha, k6. Of each form, the lines that
hold requests, requests a second, latencies and failures."""
import re

UNIT_MS = {"us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ms": 1.0, "s": 1e3, "sec": 1e3, "secs": 1e3,
           "m": 6e4, "ns": 1e-6}
NUMBER = r"([\d.]+)"
UNIT = r"(us|µs|μs|ms|secs|sec|s|m|ns)"


def find(pattern, text):
    match = re.search(pattern, text, re.MULTILINE)
    return match.groups() if match else None


def number(pattern, text):
    found = find(pattern, text)
    return float(found[0]) if found else None


def milliseconds(pattern, text):
    found = find(pattern, text)
    return float(found[0]) * UNIT_MS[found[1]] if found else None


def read_wrk(text):
    return {
        "requests": number(r"^\s*(\d+) requests in ", text),
        "requests_per_second": number(rf"^Requests/sec:\s+{NUMBER}", text),
        "p50_ms": milliseconds(rf"^\s+50(?:\.\d+)?%\s+{NUMBER}{UNIT}\s*$", text),
        "p99_ms": milliseconds(rf"^\s+99(?:\.0+)?%\s+{NUMBER}{UNIT}\s*$", text),
        "failures": sum(int(count) for line in
                        re.findall(r"^\s*(?:Non-2xx or 3xx responses|Socket errors): (.*)$", text,
                                   re.MULTILINE) for count in re.findall(r"\d+", line)),
    }


def read_ab(text):
    return {
        "requests": number(r"^Complete requests:\s+(\d+)", text),
        "requests_per_second": number(rf"^Requests per second:\s+{NUMBER}", text),
        "p50_ms": number(rf"^\s+50%\s+{NUMBER}", text),
        "p99_ms": number(rf"^\s+99%\s+{NUMBER}", text),
        "failures": (number(r"^Failed requests:\s+(\d+)", text) or 0) +
                    (number(r"^Non-2xx responses:\s+(\d+)", text) or 0),
    }


def status_counts(text):
    return [(int(status), int(count)) for status, count in
            re.findall(r"^\s*\[(\d{3})\]\s+(\d+) responses", text, re.MULTILINE)]


def read_hey_or_oha(text):
    statuses = status_counts(text)
    errors = sum(int(count) for count in
                 re.findall(r"^\s*\[(\d+)\]\s+(?!\d+ responses)\S", text, re.MULTILINE))
    return {
        "requests": float(sum(count for _, count in statuses)) or None,
        "requests_per_second": number(rf"^\s*Requests/sec:\s+{NUMBER}", text),
        "p50_ms": milliseconds(rf"^\s+50(?:\.00)?%%? in {NUMBER} ?{UNIT}", text),
        "p99_ms": milliseconds(rf"^\s+99(?:\.00)?%%? in {NUMBER} ?{UNIT}", text),
        "failures": errors + sum(count for status, count in statuses if status >= 400),
    }


def read_k6(text):
    durations = find(r"^\s*http_req_duration[. ]*:(.*)$", text)
    durations = durations[0] if durations else ""
    failed = find(r"^\s*http_req_failed[. ]*:.*?(\d+) out of", text) or \
        find(r"^\s*http_req_failed[. ]*:.*✓ (\d+)", text)
    return {
        "requests": number(r"^\s*http_reqs[. ]*:\s+(\d+)", text),
        "requests_per_second": number(rf"^\s*http_reqs[. ]*:\s+\d+\s+{NUMBER}/s", text),
        "p50_ms": milliseconds(rf"med={NUMBER}{UNIT}", durations),
        "p99_ms": milliseconds(rf"p\(99\)={NUMBER}{UNIT}", durations),
        "failures": float(failed[0]) if failed else 0,
    }


# The first whose sign is found reads the text.
TOOLS = (
    ("wrk", r"^Running .* @ ", read_wrk),
    ("ab", r"^Complete requests:", read_ab),
    ("k6", r"^\s*http_reqs[. ]*:", read_k6),
    ("hey or oha", r"^\s*Requests/sec:", read_hey_or_oha),
)


def read(text):
    """(name of the tool or None, what it said: only what was found)."""
    for name, sign, reader in TOOLS:
        if re.search(sign, text, re.MULTILINE):
            return name, {key: value for key, value in reader(text).items() if value is not None}
    return None, {}

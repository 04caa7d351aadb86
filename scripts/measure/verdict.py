# SPDX-License-Identifier: Apache-2.0
"""What repeated pairs allow to say, in words: a median, between which bounds it lies, or that the
runs were too noisy to tell."""
import math

from measure import report

CONFIDENCE = 0.9
FEWEST = 5  # pairs: of four, not even the least and the most make such an interval
# A difference that is wider than this between its bounds is not worth a number: a share of the
# untraced figure.
TOO_WIDE = 0.25


def interval(values):
    """Bounds of the median, by order: no assumption about how the values are spread. None where
    there are too few for CONFIDENCE."""
    ordered, count = sorted(values), len(values)
    best = None
    outside = 0.0  # the chance that the median lies beyond the bound-th value, on one side
    for bound in range(count // 2):
        outside += math.factorial(count) / (
            math.factorial(bound) * math.factorial(count - bound)) / 2.0 ** count
        if 1 - 2 * outside < CONFIDENCE:
            break
        best = ordered[bound], ordered[count - 1 - bound]
    return best


def judge(changes):
    """("few", None), ("noise", bounds), ("none", bounds) or ("some", bounds) of paired changes,
    which are shares."""
    bounds = interval(changes)
    if not bounds:
        return "few", None
    low, high = bounds
    if high - low > TOO_WIDE:
        return ("some" if low > 0 or high < 0 else "noise"), bounds
    return ("none" if low <= 0 <= high else "some"), bounds


def span(bounds):
    low, high = (f"{100 * value:+.1f}".replace("+-", "-") for value in bounds)
    return f"{low} to {high} %"


def of_cpu(changes, name="CPU a request"):
    kind, bounds = judge(changes)
    middle = report.quartiles(changes)[1]
    if kind == "few":
        return (f"{name}: {report.percent(middle)} in the middle of {len(changes)} "
                f"{'pair' if len(changes) == 1 else 'pairs'}, which are too few to tell "
                f"({FEWEST} at least)")
    if kind == "noise":
        return f"{name}: too noisy to tell ({span(bounds)})"
    if kind == "none":
        return f"{name}: no difference to be seen ({span(bounds)})"
    word = "costs" if middle > 0 else "saves, by these figures,"
    return f"the agent {word} {abs(100 * middle):.1f} % {name} ({span(bounds)})"


def of_latency(changes, name="p99"):
    kind, bounds = judge(changes)
    middle = report.quartiles(changes)[1]
    if kind == "few":
        return f"{name}: too few pairs to tell"
    if kind == "noise":
        return f"{name}: too noisy to tell ({span(bounds)})"
    if kind == "none":
        return f"you would not see it in {name} ({span(bounds)})"
    return f"{name} is {abs(100 * middle):.1f} % {'higher' if middle > 0 else 'lower'} " \
           f"({span(bounds)})"


def sentence(cpu, latency, name="CPU a request"):
    """Of paired changes of CPU and of p99; either may be empty: not measured."""
    parts = ([of_cpu(cpu, name)] if cpu else []) + ([of_latency(latency)] if latency else [])
    if not parts:
        return "verdict: neither CPU a request nor p99 was measured"
    said = f"verdict: {'; '.join(parts)}."
    told = any(interval(changes) for changes in (cpu, latency))
    return said + (" In brackets: where the median lies, at 90 %." if told else "")

# SPDX-License-Identifier: Apache-2.0
"""Variables that do not do what their user thinks: misspelt ones, and a ratio that nobody set."""

import os
import re
import subprocess
import urllib.request

import pytest

import servers
import spans

CURL = "curl -s -o /dev/null http://127.0.0.1:1/"
UNKNOWN = re.compile(r": warn: (\S+) is not a variable that the agent knows; the nearest is (\S+)$",
                     re.M)
RATIO = re.compile(r": warn: (\S+) % of traces are recorded, because the environment is (.*?); ")
SECRET = "hunter2"


@pytest.fixture
def tracing(library, directory):
    def make(**variables):
        return servers.Tracing(library, directory, "variables", variables)

    return make


def run(tracing, script=f"{CURL}; {CURL}; true"):
    """What it says; of curl, which sends a span, and of the shell, which is not traced."""
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("OTEL_", "LD_PRELOAD"))}
    done = subprocess.run(["sh", "-c", script], env={**clean, **tracing.environment()}, timeout=120,
                          check=False, stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0, done
    assert done.stdout == b""
    return done.stderr.decode()


@pytest.mark.parametrize("name, nearest", [
    ("OTEL_AGENT_HTTP_IGNROE", "OTEL_AGENT_HTTP_IGNORE"),
    ("OTEL_AGENT_SLOW_QUERY", "OTEL_AGENT_SLOW_QUERY_MS"),
    ("OTEL_AGENT_STACK_TRACE", "OTEL_AGENT_STACKTRACE"),
    ("OTEL_AGNET_DB_SPANS", "OTEL_AGENT_DB_SPANS"),
    ("OTEL_EXPORTER_OTLP_ENDPONT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("otel_agent_redact_keys", "OTEL_AGENT_REDACT_KEYS")])
def test_a_misspelt_variable_is_said_once_with_the_nearest_name(tracing, name, nearest):
    said = run(tracing(**{name: SECRET}))
    assert UNKNOWN.findall(said) == [(name, nearest)], said
    assert SECRET not in said


def test_many_are_said_in_one_line_each_to_eight(tracing):
    said = run(tracing(**{f"OTEL_AGENT_WHAT_{i}": SECRET for i in range(12)}))
    assert len(UNKNOWN.findall(said)) == 8, said
    assert said.count("4 more variables are not known to the agent") == 1, said
    assert SECRET not in said


def test_others_variables_and_right_ones_are_not_said(tracing):
    said = run(tracing(OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none", OTELAGENT_X="1",
                       OTEL_BLRP_SCHEDULE_DELAY="1", OTEL_NODE_RESOURCE_DETECTORS="all",
                       OTEL_AGENT_HTTP_IGNORE="/healthz", OTEL_AGENT_STACKTRACE="false"))
    assert said == ""


@pytest.mark.parametrize("switch", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_LOG_LEVEL": "error"},
                                    {"OTEL_AGENT_EXECUTABLES_DENY": "sh,dash,curl"}])
def test_who_is_not_traced_or_not_to_speak_says_nothing(tracing, switch):
    assert run(tracing(OTEL_AGENT_HTTP_IGNROE="/", ENVIRONMENT="prod", **switch)) == ""


@pytest.mark.parametrize("name, value, ratio", [
    ("ENVIRONMENT", "production", "1"), ("ENVIRONMENT", "prod", "1"), ("ENVIRONMENT", "Live", "1"),
    ("OPENTELEMETRY_ENVIRONMENT", "prod", "1"), ("ENVIRONMENT", "staging", "10"),
    ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=live", "1")])
def test_a_ratio_that_nobody_set_is_said_once(tracing, name, value, ratio):
    said = run(tracing(**{name: value}))
    assert RATIO.findall(said) == [(ratio, value.rpartition("=")[2])], said


@pytest.mark.parametrize("variables", [
    {"ENVIRONMENT": "prod", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    {"ENVIRONMENT": "prod", "OTEL_TRACES_SAMPLER": "parentbased_always_on"},
    {"NODE_ENV": "production", "RAILS_ENV": "production", "RACK_ENV": "production"},
    {"ENVIRONMENT": "test"}], ids=["ratio", "sampler", "frameworks", "test"])
def test_a_ratio_that_was_set_or_is_one_is_not_said(tracing, variables):
    traced = tracing(**variables)
    assert run(traced) == ""
    if variables.get("OTEL_TRACES_SAMPLER_ARG") != "0.01":
        assert len(spans.read(traced.file)) == 2


def test_the_ratio_of_what_goes_nowhere_is_not_said(tracing):
    assert run(tracing(ENVIRONMENT="prod", OTEL_TRACES_EXPORTER="none")) == ""


def test_a_server_says_its_ratio_once_for_all_its_workers(tracing, directory):
    """With the first that listens, not with the first of a hundred traces."""
    traced = tracing(ENVIRONMENT="prod")
    with servers.Nginx(directory, tracing=traced, workers=4) as nginx:
        for _ in range(20):
            urllib.request.urlopen(f"http://127.0.0.1:{nginx.port}/small.txt", timeout=30).close()
    said = "".join(path.read_text() for path in directory.rglob("*.log"))
    assert RATIO.findall(said) == [("1", "prod")], said


@pytest.mark.parametrize("exporter, end", [("none", "none"), ("console", "console"),
                                           ("file,console", "console file "),
                                           ("otlp,none", "otlp http:")])
def test_the_start_line_names_the_exporters(tracing, exporter, end):
    said = run(tracing(OTEL_LOG_LEVEL="info", OTEL_TRACES_EXPORTER=exporter), CURL + " || true")
    line, = [line for line in said.splitlines() if ": service " in line]
    assert line.partition(", exporters ")[2].startswith(end), said


@pytest.mark.parametrize("variables, sampler", [
    ({}, "parentbased_environment, ratio 1"),
    ({"ENVIRONMENT": "staging"}, "parentbased_environment, ratio 0.1"),
    ({"OTEL_TRACES_SAMPLER": "always_off"}, "always_off, ratio 0"),
    ({"OTEL_TRACES_SAMPLER_ARG": "0.5"}, "parentbased_traceidratio, ratio 0.5")])
def test_the_start_line_names_the_sampler_as_the_options_do(tracing, variables, sampler):
    said = run(tracing(OTEL_LOG_LEVEL="info", **variables), CURL + " || true")
    assert f", sampler {sampler}, exporters " in said, said

"""Owns the page of a trial of the API: what was asked of each operation and what came of it, from schemathesis's report.
Must not know routes."""

import json
import os
import platform
import sys

KINDS = ("accepted", "rejected", "unreachable", "conflicts")


def row(operation, phases):
    counts = {kind: sum(phase[kind] for phase in phases.values()) for kind in KINDS}
    return f"| `{operation}` | " + " | ".join(f"{counts[kind]:,}" for kind in KINDS) + " |"


def page(report):
    operations, cases = report["operations"], report["test_cases"]
    if not report["complete"] or report["exit_code"] != 0 or report["failures"] or report["errors"]:
        sys.exit("the trial failed or did not come to its end, so there is no page of it")
    rows = [row(operation, phases) for operation, phases in sorted(report["valid_rates"].items())]
    lines = [
        "# The API tried by its own description",
        "",
        f"- Date: {report['started_at'][:10]} (UTC)",
        f"- Machine: {os.cpu_count()} cores, Linux {platform.release()}; agent built without optimisation",
        f"- Tool: schemathesis {report['schemathesis_version']}, {report['running_time']:.0f} s",
        f"- Again: `cargo xtask fuzz-api {' '.join(sys.argv[3:])} --seed {report['seed']} --page`",
        "",
        f"{operations['tested']} of the {operations['total']} operations in [openapi.json](../openapi.json) were asked "
        f"{cases['generated']:,} times, with what the description allows and with what it does not: wrong types, lengths and "
        "formats, absent and surplus fields, other methods, other content types. Left out are the socket, which is no request, "
        "and the sign-in, which slows down whoever tries it. An agent with one run stood behind, signed in as its admin.",
        "",
        "No answer was a failure of the agent (5xx), and each had a status, a content type and a body that the description has "
        "for its operation, or this page would not have been written. The agent served afterwards.",
        "",
        "Requests that the description allows, by what became of them: most name things that do not exist, or plans that a rule "
        "beyond the description refuses. Of an operation that accepted none only refusals were tried here; what it does, other "
        "tests hold.",
        "",
        "| operation | accepted | refused | not there | conflicts |",
        "|---|---:|---:|---:|---:|",
    ]
    return "\n".join(lines + rows) + "\n"


with open(sys.argv[1], encoding="utf-8") as file:
    text = page(json.load(file))
with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.write(text)

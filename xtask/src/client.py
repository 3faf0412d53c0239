"""Owns what a client that was generated from the API's description does with an agent.
Must not know the API beyond that description: it only calls what was generated."""

import importlib
import inspect
import os
import pkgutil
import time

import tokenprism_client.api
from tokenprism_client import AuthenticatedClient, Client
from tokenprism_client.api.queue import queue_now
from tokenprism_client.api.runs import runs_create, runs_export, runs_list, runs_pictures, runs_read
from tokenprism_client.models import ApiError, Format, Plan

PLAN = {
    "schema": 1,
    "name": "By a generated client",
    "engine": {"kind": "builtin", "params": {"preset": "1m"}},
    "workload": {"input_tokens": 16, "output_tokens": 8},
    "load": {"concurrency": [2], "requests": 16},
}
# Files and streams: they have no form that a client could be made for.
RAW = {"agent_document", "agent_metrics", "live_open"}

url, token = os.environ["AGENT_URL"], os.environ["AGENT_TOKEN"]
client = AuthenticatedClient(base_url=url, token=token, timeout=60)


def done(run):
    """The run once it has ended."""
    state = None
    for _ in range(1200):
        read = runs_read.sync_detailed(run, client=client)
        assert read.status_code == 200, read
        state = read.parsed.state[0]
        if state in ("done", "failed", "cancelled", "interrupted"):
            return read.parsed
        time.sleep(0.1)
    raise AssertionError(f"the run is {state} after two minutes")


def every_list():
    """Whatever can be read without saying of what is answered with what the description says."""
    names = []
    for group in pkgutil.iter_modules(tokenprism_client.api.__path__):
        package = importlib.import_module(f"tokenprism_client.api.{group.name}")
        for found in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{found.name}")
            needs = [
                name
                for name, parameter in inspect.signature(module.sync_detailed).parameters.items()
                if parameter.default is inspect.Parameter.empty and name != "client"
            ]
            if needs or found.name in RAW or module._get_kwargs()["method"] != "get":
                continue
            answer = module.sync_detailed(client=client)
            assert answer.status_code == 200, (found.name, answer)
            typed = hasattr(module, "sync")
            assert not typed or answer.parsed is not None, (found.name, answer.content[:200])
            names.append(found.name)
    return names


made = runs_create.sync_detailed(client=client, body=Plan.from_dict(PLAN))
assert made.status_code == 201, made
run = made.parsed.run
view = done(run)
assert view.state[0] == "done", view.reason
(point,) = view.points
assert point["summary"]["output_throughput"] > 0, point
(row,) = runs_list.sync(client=client)
assert (row.run, row.name) == (run, PLAN["name"]), row
assert any(picture.name == "throughput" for picture in runs_pictures.sync(run, client=client))
exported = runs_export.sync_detailed(run, client=client, format_=Format.JSON)
assert exported.status_code == 200 and run.encode() in exported.content, exported
assert queue_now.sync(client=client).running == []
nobody = runs_list.sync_detailed(client=Client(base_url=url))
assert nobody.status_code == 401 and isinstance(nobody.parsed, ApiError), nobody
unknown = runs_read.sync_detailed("r00000000000000000000", client=client)
assert unknown.status_code == 404 and unknown.parsed.error, unknown
names = every_list()
assert len(names) >= 15, names
print(f"a run from its plan to its figures, and {len(names)} lists")

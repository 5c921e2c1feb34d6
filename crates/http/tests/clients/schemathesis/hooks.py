"""Hooks of Schemathesis: events, values that refer to stored objects, and the count of answers."""

import atexit
import collections
import itertools
import json
import os

import schemathesis

import seeds

CASES = collections.Counter()
SUCCESSES = collections.Counter()
NUMBERS = collections.defaultdict(itertools.count)
API = seeds.Api(os.environ["CAUSERIE_URL"], os.environ["CAUSERIE_KEY"])
WORLD = seeds.World(API, os.environ["CAUSERIE_CODE"])
# Operations with less than ten valid requests: that one, and those without parameters, are repeated so often.
FEW = {"GET /me/abilities"}
REPETITIONS = 10


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Describes events as Schemathesis expects it: their data is JSON of the documented schema, or the end."""
    for item in raw_schema["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                content = response.get("content", {}).get("text/event-stream")
                if content:
                    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": content["schema"]}
                    data = {"if": {"const": "[DONE]"}, "then": True, "else": data}
                    content["schema"] = {"type": "object", "required": ["data"], "properties": {"data": data}}
                    content.pop("example", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Fills in what a schema cannot describe, and keeps the rights of the run."""
    if case.method.upper() == case.operation.method.upper():
        WORLD.fill(case)
        is_stateful = case.meta is not None and case.meta.phase.name.value == "stateful"
        if not is_stateful and next(NUMBERS[case.operation.label]) % 4 != 3:
            WORLD.seed(case)
    WORLD.spare(case)


@schemathesis.hook
def after_call(context, case, response):
    CASES[case.operation.label] += 1
    if case.method.upper() == case.operation.method.upper() and 200 <= response.status_code < 300:
        SUCCESSES[case.operation.label] += 1
        declared = case.operation.definition.raw
        is_single = not declared.get("parameters") and not declared.get("requestBody")
        while (is_single or case.operation.label in FEW) and SUCCESSES[case.operation.label] < REPETITIONS:
            API(case.operation.method.upper(), case.operation.path)
            SUCCESSES[case.operation.label] += 1


@schemathesis.hook
def filter_case(context, case):
    """Leaves out text with characters whose place decides whether they are valid, which no pattern describes."""
    return not seeds.has_joiners([case.body, case.query])


@atexit.register
def report():
    with open(os.environ["CAUSERIE_COUNTS"], "w", encoding="utf-8") as file:
        json.dump({"cases": CASES, "successes": SUCCESSES}, file)

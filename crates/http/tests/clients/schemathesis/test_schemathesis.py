"""Schemathesis with all checks and all phases against the built program."""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

from server import Server

FOLDER = pathlib.Path(__file__).parent
MIN_CASES = 5000
MIN_SUCCESSES = 10
# A check that is excluded for an operation, with its reason. All others hold for every operation.
EXCLUDED = [
    ("POST /tools", "positive_data_acceptance", "the definition is described by tool-definitions/tool.schema.json"),
    ("POST /sessions/{id}/forks", "positive_data_acceptance", "422 if the session has no message with this number"),
    ("POST /sessions/{id}/quote", "negative_data_rejection", "a message that a send refuses is 200 with `refusal`"),
    ("POST /v1/chat/completions", "negative_data_rejection", "parts and parameters that are not known are passed on"),
    ("POST /v1/chat/completions", "positive_data_acceptance", "the upstream refuses messages that the schema accepts"),
    ("POST /groups/{id}/members/me", "ensure_resource_availability", "404 in a new group without an invitation"),
    ("DELETE /groups/{id}/members/me", "ensure_resource_availability", "404 in a group without the caller"),
    ("DELETE /groups/{id}/invitations/{email}", "ensure_resource_availability", "404 in a group without invitations"),
    ("PATCH /groups/{id}/members/{user_id}", "ensure_resource_availability", "404 in a group without the user"),
    ("DELETE /groups/{id}/members/{user_id}", "ensure_resource_availability", "404 in a group without the user"),
    *[
        (f"{method} /budgets/{subject}/{{id}}", "ensure_resource_availability", "404 for a new object without a budget")
        for method in ("GET", "DELETE")
        for subject in ("user", "group", "api_key")
    ],
    ("GET /api-keys/{id}", "use_after_free", "a revoked key stays readable"),
    ("GET /tools/{slug}", "use_after_free", "administrators read disabled tools"),
    ("GET /tools/{slug}/versions", "use_after_free", "administrators read disabled tools"),
]
# Of the checks, only `object_level_authorization` does not run: it needs two users of equal rights, and the access matrix
# of the program's own tests has every operation for every kind of user.
# Operations that are answered 2xx once: deletions, and the one-time code.
ONCE = re.compile(r"DELETE .*|POST /sign-in")
# Environment of the server: the run is one user, and answers cost nothing.
SETTINGS = {
    "CAUSERIE_AUTH_FAILURES_PER_MINUTE": "0",
    "CAUSERIE_CONNECTIONS_PER_ADDRESS": "1000",
    "CAUSERIE_CREATIONS_PER_MINUTE": "0",
    "CAUSERIE_LOG": "warn",
}


def configuration():
    """Returns the settings of Schemathesis in TOML."""
    lines = [f'hooks = "{FOLDER / "hooks.py"}"', "continue-on-failure = true", "[cache]", "enabled = false"]
    lines += ["[output.sanitization]", "enabled = false"]
    lines += ["[generation]", 'database = "none"', "max-examples = 25"]
    # The character U+0000 is refused everywhere, which no schema of an open object can describe.
    lines += ["allow-x00 = false"]
    for operation in dict.fromkeys(operation for operation, _, _ in EXCLUDED):
        lines += ["[[operations]]", f'include-name = "{operation}"']
        for check in (check for excluded, check, _ in EXCLUDED if excluded == operation):
            lines += [f"[operations.checks.{check}]", "enabled = false"]
    return "\n".join(lines) + "\n"


class SchemathesisTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(**SETTINGS)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def test_all_checks_in_all_phases_find_nothing(self):
        counts = os.path.join(self.server.folder, "counts.json")
        settings = os.path.join(self.server.folder, "schemathesis.toml")
        pathlib.Path(settings).write_text(configuration(), encoding="utf-8")
        environment = {
            **os.environ,
            "CAUSERIE_URL": self.server.address,
            "CAUSERIE_KEY": self.server.key,
            "CAUSERIE_CODE": self.server.one_time_code(),
            "CAUSERIE_COUNTS": counts,
            "PYTHONPATH": str(FOLDER),
        }
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", settings, "run"]
        # From a file: the route of a document that is loaded from a server is left out.
        document = self.server.get("/openapi.json")
        path = pathlib.Path(self.server.folder, "openapi.json")
        path.write_text(json.dumps(document), encoding="utf-8")
        command += [str(path), "--url", self.server.address, "--header", f"Authorization: Bearer {self.server.key}"]
        # Without `--checks` all are enabled; with it, the exclusions would have no effect.
        command += ["--phases", "examples,coverage,fuzzing,stateful", "--seed", "1", "--no-color"]
        # Generated data depends on the responses so far, so that its size and speed differ between runs.
        command += ["--suppress-health-check", "all"]
        result = subprocess.run(command, cwd=self.server.folder, env=environment)
        self.assertEqual(result.returncode, 0, "schemathesis found something (see above)")

        found = json.loads(pathlib.Path(counts).read_text(encoding="utf-8"))
        total = sum(found["cases"].values())
        print(total, "requests")
        self.assertGreater(total, MIN_CASES)
        operations = [f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item]
        self.assertLessEqual({operation for operation, _, _ in EXCLUDED}, set(operations))
        rare = {}
        for operation in operations:
            successes = found["successes"].get(operation, 0)
            if successes < (1 if ONCE.fullmatch(operation) else MIN_SUCCESSES):
                rare[operation] = successes
        self.assertEqual(rare, {}, "these operations were answered 2xx too rarely")

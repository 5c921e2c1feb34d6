"""Objects of the server under test: those that requests refer to, and those that must survive the run."""

import itertools
import re
import uuid

import requests

# Characters whose neighbours decide whether they are valid, and those beyond the basic plane that show nothing.
JOINERS = re.compile(
    "[\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200c-\\u200f\\ufe00-\\ufe0f"
    "\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff]"
)
TOOL = """\
name: {name}
version: 1.0.{patch}
type: chat
title: A tool of the run
description: Repeats what it is told.
behavior: Answer.
model: sim/echo
"""


class Api:
    """The API with the key of the administrator."""

    def __init__(self, address, key):
        self.address = address
        self.session = requests.Session()
        self.session.headers["authorization"] = f"Bearer {key}"

    def __call__(self, method, path, body=None, **options):
        if body is not None:
            options["json"] = body
        response = self.session.request(method, self.address + path, timeout=60, **options)
        response.raise_for_status()
        return response.json() if response.content else None


class World:
    """Objects of the server, created on demand. `seed` and `spare` change a request before it is sent."""

    def __init__(self, api, code):
        self.api = api
        self.code = code
        self.own_groups = set()
        self.numbers = itertools.count()
        # Operations that change an object so that others cannot use it: each gets a new one.
        self.new = {
            "DELETE /sessions/{id}": lambda: {"id": self.new_session()},
            "PATCH /sessions/{id}/pause": lambda: {"id": self.new_session()},
            "PATCH /sessions/{id}/resume": lambda: {"id": self.new_session("pause")},
            "PATCH /sessions/{id}/complete": lambda: {"id": self.new_session()},
            "DELETE /attachments/{id}": lambda: {"id": self.new_attachment()},
            "DELETE /budgets/user/{id}": lambda: self.budget("user", self.new_user()),
            "DELETE /budgets/group/{id}": lambda: self.budget("group", self.new_group()),
            "DELETE /budgets/api_key/{id}": lambda: self.budget("api_key", self.new_key()),
            "DELETE /groups/{id}": lambda: {"id": self.new_group()},
            "DELETE /groups/{id}/invitations/{email}": lambda: self.invitation(self.email()),
            "POST /groups/{id}/members/me": lambda: self.own(self.invitation(self.admin["email"])),
            "DELETE /groups/{id}/members/me": lambda: self.own(self.member(self.admin["id"])),
            "PATCH /groups/{id}/members/{user_id}": self.member,
            "DELETE /groups/{id}/members/{user_id}": self.member,
            "DELETE /users/{id}": lambda: {"id": self.new_user()},
            "DELETE /api-keys/{id}": lambda: {"id": self.new_key()},
            "DELETE /tools/{slug}": lambda: {"slug": self.new_tool()["slug"]},
        }
        self.admin = api("GET", "/me")["user"]
        self.key = api("GET", "/api-keys")["data"][0]["id"]
        self.tools = {tool[name] for tool in api("GET", "/tools")["data"] for name in ("slug", "id")}
        self.tool = self.new_tool()
        self.tools |= {self.tool["slug"], self.tool["id"]}
        self.user = self.new_user()
        self.group = self.new_group()
        self.session = self.new_session()
        sent = api("POST", f"/sessions/{self.session}/messages", {"content": "Hello"}, headers={"accept": "application/json"})
        self.turn = sent["turn"]["id"]
        api("PUT", f"/budgets/user/{self.user}", {"period": "day", "limit": "5"})
        api("PUT", f"/budgets/group/{self.group}", {"period": "day", "limit": "5"})
        self.api_key = self.new_key()
        api("PUT", f"/budgets/api_key/{self.api_key}", {"period": "day", "limit": "5"})
        self.kept = {self.user, self.group, self.session, self.api_key}

    def number(self):
        return next(self.numbers)

    def email(self):
        return f"user-{self.number()}@example.org"

    def new_tool(self):
        text = TOOL.format(name=f"tool-{self.number()}", patch=0)
        return self.api("POST", "/tools", data=text, headers={"content-type": "application/yaml"})

    def new_user(self):
        return self.api("POST", "/users", {"email": self.email(), "name": "Ada"})["id"]

    def new_group(self):
        return self.api("POST", "/groups", {"name": "Readers"})["id"]

    def new_key(self):
        return self.api("POST", "/api-keys", {"name": "A program"})["id"]

    def new_session(self, change=None):
        session = self.api("POST", "/sessions", {"tool": self.tool["slug"]})["id"]
        if change:
            self.api("PATCH", f"/sessions/{session}/{change}")
        return session

    def new_attachment(self):
        file = {"filename": "a.png", "mime_type": "image/png", "size": 1, "storage_provider": "local", "storage_key": "a.png"}
        body = {"content": "A file", "attachments": [file]}
        sent = self.api("POST", f"/sessions/{self.new_session()}/messages", body, headers={"accept": "application/json"})
        return sent["user_message"]["attachments"][0]["id"]

    def member(self, user=None):
        group, user = self.new_group(), user or self.new_user()
        self.api("POST", f"/groups/{group}/members", {"user_id": user})
        return {"id": group, "user_id": user}

    def invitation(self, email):
        group = self.new_group()
        self.api("POST", f"/groups/{group}/members", {"email": email})
        return {"id": group, "email": email}

    def own(self, path):
        """Remembers a group of the administrator: its rules and limits would be those of the run."""
        self.own_groups.add(path["id"])
        return path

    def budget(self, kind, subject):
        self.api("PUT", f"/budgets/{kind}/{subject}", {"period": "day", "limit": "5"})
        return {"id": subject}

    def path_of(self, label):
        """Returns path parameters of an object that exists, for an operation."""
        _, path = label.split(" ", 1)
        if label in self.new:
            return self.new[label]()
        known = {
            "/sessions/": {"id": self.session},
            "/turns/": {"id": self.turn},
            "/api/chat/": {"session_id": self.session},
            "/budgets/user/": {"id": self.user},
            "/budgets/group/": {"id": self.group},
            "/budgets/api_key/": {"id": self.api_key},
            "/groups/": {"id": self.group},
            "/users/": {"id": self.user},
            "/api-keys/": {"id": self.api_key},
            "/tools/": {"slug": self.tool["slug"]},
            "/models/": {"id": "sim/slow"},
            "/v1/models/": {"id": "sim/echo"},
        }
        return next((values for prefix, values in known.items() if path.startswith(prefix)), {})

    def seed(self, case):
        """Gives a request the path of an object that exists, unless its path is meant to be invalid."""
        if not case.path_parameters or case.meta is None or case.meta.is_negative_at("path"):
            return
        is_valid = not any(part.mode.is_negative for part in case.meta.components.values())
        if is_valid and case.meta.generation.mode.is_negative:
            # Nothing of the operation can be invalid, and a success would be taken for that of an invalid request.
            return
        for name, value in self.path_of(case.operation.label).items():
            if name in case.path_parameters:
                case.path_parameters[name] = value

    def fill(self, case):
        """Changes what depends on stored objects or on other values, in the valid parts of a request."""
        if case.meta is None:
            return
        query, headers, body = case.query or {}, case.headers, case.body
        if not case.meta.is_negative_at("query"):
            # A cursor is that of an earlier page; the range of a report does not end before it starts.
            query.pop("cursor", None)
            for name, value in {"tz": "Europe/Berlin", "from": "2026-01-01", "to": "2026-02-01"}.items():
                if name in query:
                    query[name] = value
            for name in ("group_id", "starting_after"):
                query.pop(name, None)
            if "group_by" in query:
                query["group_by"] = ",".join(dict.fromkeys(query["group_by"].split(",")))
        if headers and not case.meta.is_negative_at("header"):
            # A key belongs to one body, and a position to a turn.
            if "Idempotency-Key" in headers:
                headers["Idempotency-Key"] = str(uuid.uuid4())
            headers.pop("Last-Event-ID", None)
        if case.operation.label == "POST /tools" and not case.meta.is_negative_at("body"):
            body = case.body = {}
        if isinstance(body, dict) and not case.meta.is_negative_at("body"):
            body = case.body = whole_numbers(body)
            filler = BODIES.get(case.operation.label)
            if filler:
                filler(self, body)

    def spare(self, case):
        """Changes the target of a request that would take the run's own rights, tools or models away."""
        if case.method.upper() in ("GET", "HEAD", "OPTIONS") or not case.path_parameters:
            return
        if case.operation.path.endswith("/members/me"):
            return
        lasting = {self.admin["id"], self.key, *self.tools, *self.own_groups}
        is_model = case.operation.path == "/models/{id}"
        if case.operation.label in self.new:
            lasting |= self.kept
        if lasting.intersection(map(str, case.path_parameters.values())) or is_model:
            case.path_parameters.update(self.path_of(case.operation.label))


def has_joiners(value):
    """Returns whether text has joiners, tags, selectors or other characters that depend on their neighbours."""
    if isinstance(value, dict):
        return has_joiners([*value.keys(), *value.values()])
    if isinstance(value, list):
        return any(map(has_joiners, value))
    return isinstance(value, str) and JOINERS.search(value) is not None


def whole_numbers(value):
    """Returns JSON whose integers are written without a fraction: for JSON Schema, 1.0 is an integer as well."""
    if isinstance(value, dict):
        return {name: whole_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [whole_numbers(element) for element in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if is_whole else value


def message(world, body):
    """A message is not blank and fits the context of the model, and the address of a file is public."""
    if not any("!" <= character <= "~" for character in body["content"]):
        body["content"] = "Hello " + body["content"]
    for file in body.get("attachments", []):
        file["storage_key"] = "https://example.org/a.png" if file["storage_provider"] == "url" else "a.png"
        file["size"] = min(file["size"], 1000)


def chat(world, body):
    """The last user message has a text, and is no edit."""
    body["id"], body["tool"] = str(uuid.uuid4()), world.tool["slug"]
    body["messages"].append({"id": str(uuid.uuid4()), "role": "user", "parts": [{"type": "text", "text": "Hello"}]})
    for name in ("messageId", "group_id"):
        body.pop(name, None)


def session(world, body):
    body["tool"] = world.tool["slug"]
    body.pop("group_id", None)


def api_key(world, body):
    for name in ("user_id", "group_id"):
        body.pop(name, None)
    if body.get("expires_at"):
        body["expires_at"] = "2099-01-01T00:00:00Z"


def member(world, body):
    if "user_id" in body:
        body["user_id"] = world.new_user()


def address(world, body):
    if "email" in body:
        body["email"] = world.email()


def completion(world, body):
    body["model"] = "sim/echo"


def rules(world, body):
    """Conditions and fields belong to a subject."""
    for rule in body["rules"]:
        for name in ("conditions", "fields"):
            rule.pop(name, None)


def tool(world, body):
    body.clear()
    body.update(name=f"posted-{world.number()}", version="1.0.0", type="chat", title="Posted", description="A tool.")
    body.update(behavior="Answer.", model="sim/echo")


def fork(world, body):
    body["from_seq"] = 2


def model(world, body):
    body.pop("group_id", None)


def sign_in(world, body):
    """The code is valid once."""
    body["code"] = world.code


BODIES = {
    "POST /api-keys": api_key,
    "POST /api/chat": chat,
    "POST /groups/{id}/members": member,
    "POST /sessions": session,
    "POST /sessions/{id}/forks": fork,
    "POST /sessions/{id}/messages": message,
    "POST /sessions/{id}/quote": message,
    "POST /sign-in": sign_in,
    "POST /tools": tool,
    "POST /users": address,
    "PATCH /users/{id}": address,
    "PATCH /models/{id}": model,
    "POST /v1/chat/completions": completion,
    "PUT /groups/{id}/rules": rules,
    "PUT /users/{id}/rules": rules,
}

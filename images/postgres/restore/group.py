"""Patroni's state of the group, as far as it tells whether a bootstrap came to its end: annotations of a ConfigMap."""

import http.client
import json
import os
import ssl
import time

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ASK_SECONDS = 5.0
PAUSE_SECONDS = 2.0
IDENTITY = "initialize"  # empty from the start of a bootstrap, the system identifier after its end (Patroni's ha.py)
FIRST = "stylobate.dev/bootstrapped-by"  # member that took its clone up last to be the first
SHORTEST_IDENTIFIER = 10  # digits, as Patroni's sysid_valid has it


class Group:
    """The group with this Patroni scope. Nothing goes on without the API server, so each call waits for it."""

    def __init__(self, scope, say):
        self.name = f"{scope}-config"
        self.say = say

    def identity(self):
        """The system identifier, or None while no bootstrap has ended."""
        value = self.annotations()[0].get(IDENTITY) or ""
        return value if len(value) >= SHORTEST_IDENTIFIER and value.isdigit() else None

    def first(self):
        return self.annotations()[0].get(FIRST)

    def claim(self, member):
        """Writes down who is about to be the first."""
        self.ask("PATCH", {"metadata": {"annotations": {FIRST: member}}})

    def free(self):
        """Takes back the empty identity of a bootstrap that was cut: else nobody would begin another one."""
        annotations, version = self.annotations()
        if annotations.get(IDENTITY) == "":
            self.ask("PATCH", {"metadata": {"resourceVersion": version, "annotations": {IDENTITY: None}}})

    def annotations(self):
        found = self.ask("GET")
        meta = found.get("metadata", {})
        return meta.get("annotations") or {}, meta.get("resourceVersion")

    def ask(self, method, body=None):
        """The ConfigMap; empty while there is none. A change that somebody else was faster with is no fault: it is looked at
        again at the next start."""
        while True:
            try:
                status, words = send(method, self.name, body)
                if status == 200:
                    return json.loads(words)
                if status in (404, 409):
                    return {}
                cause = f"HTTP {status}: {words[:300]}"
            except (OSError, http.client.HTTPException, ValueError) as error:
                cause = error
            self.say(f"failed to ask for ConfigMap {self.name}: {cause}; it is tried again")
            time.sleep(PAUSE_SECONDS)


def send(method, name, body):
    def account(entry):
        with open(f"{ACCOUNT}/{entry}", encoding="ascii") as file:
            return file.read().strip()

    context = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    connection = http.client.HTTPSConnection(host, port, timeout=ASK_SECONDS, context=context)
    headers = {"Authorization": f"Bearer {account('token')}", "Content-Type": "application/merge-patch+json"}
    text = None if body is None else json.dumps(body)
    try:
        connection.request(method, f"/api/v1/namespaces/{account('namespace')}/configmaps/{name}", text, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()

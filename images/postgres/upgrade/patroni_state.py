"""Takes what belongs to the old cluster out of Patroni's ConfigMaps: its system identifier, its timelines, its quorum.

No Patroni of the group runs at this time, so nobody writes it again. The settings stay. The upgraded member then finds a
group without a leader and with no identity, and takes both: Patroni's own way after pg_upgrade.
"""

import http.client
import json
import os
import ssl
import time

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
TRIES = 20
PAUSE_SECONDS = 2.0
ASK_SECONDS = 5.0
# ConfigMap by suffix, and the annotations in which Patroni keeps its state (patroni/dcs/__init__.py and kubernetes.py).
STATE = {
    "config": ["initialize", "history"],
    "leader": ["leader", "optime", "slots", "failsafe"],
    "failover": ["leader", "member", "scheduled_at"],
    "sync": ["leader", "sync_standby", "quorum"],
}


def text(name):
    with open(f"{ACCOUNT}/{name}", encoding="ascii") as file:
        return file.read().strip()


def forget(scope):
    """Clears the state, and tries for a minute: without it the member would not start, and the API server may be away."""
    for attempt in range(TRIES):
        try:
            for suffix, annotations in STATE.items():
                clear(f"{scope}-{suffix}", annotations)
            return
        except (OSError, http.client.HTTPException) as error:
            if attempt == TRIES - 1:
                raise
            print(f"upgrade-member: failed to clear the old state of {scope}: {error}; trying again", flush=True)
            time.sleep(PAUSE_SECONDS)


def clear(name, annotations):
    context = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    connection = http.client.HTTPSConnection(host, port, timeout=ASK_SECONDS, context=context)
    body = json.dumps({"metadata": {"annotations": dict.fromkeys(annotations)}})
    headers = {"Authorization": f"Bearer {text('token')}", "Content-Type": "application/merge-patch+json"}
    try:
        connection.request("PATCH", f"/api/v1/namespaces/{text('namespace')}/configmaps/{name}", body, headers)
        answer = connection.getresponse()
        words = answer.read().decode("utf-8", "replace")
        if answer.status not in (200, 404):
            raise http.client.HTTPException(f"ConfigMap {name}: HTTP {answer.status}: {words[:500]}")
    finally:
        connection.close()

"""Annotations of the member's own pod, by which it tells the operator what nobody could ask while Postgres is down."""

import http.client
import json
import os
import ssl

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
AGAIN_SECONDS = 5.0  # after the API server did not take a word
ASK_SECONDS = 3.0


def publish(annotation, word):
    """Writes an annotation of this pod, or takes it off; the API server stores nothing when it is as it was."""
    with open(f"{ACCOUNT}/token", encoding="ascii") as file:
        token = file.read()
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    namespace, pod = os.environ["PATRONI_KUBERNETES_NAMESPACE"], os.environ["PATRONI_NAME"]
    context = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    connection = http.client.HTTPSConnection(host, port, timeout=ASK_SECONDS, context=context)
    try:
        body = json.dumps({"metadata": {"annotations": {annotation: word}}})
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"}
        connection.request("PATCH", f"/api/v1/namespaces/{namespace}/pods/{pod}", body=body, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f"HTTP {answer.status}: {answer.read(300).decode(errors='replace')}")
    finally:
        connection.close()

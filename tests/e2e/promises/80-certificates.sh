# A new certificate is used without a restart of any member.
# shellcheck shell=bash

restarts() { k get pods -l stylobate.dev/cluster=odd,app.kubernetes.io/component=member -o json | jq -c '[.items[] | [.metadata.uid, .status.containerStatuses[].restartCount]]'; }

# serial POD PORT: of the certificate that a member shows on a TLS port.
serial() {
  k exec "$1" -c postgres -- python3 -c '
import hashlib, socket, ssl, sys
context = ssl._create_unverified_context()
plain = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
if sys.argv[1] == "5432":
    plain.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f"); plain.recv(1)
print(hashlib.sha256(context.wrap_socket(plain).getpeercert(True)).hexdigest())' "$2"
}
differs_from() { [ "$(serial odd-0 "$2")" != "$1" ]; }

certificate_changes() {
  local before postgres patroni
  before=$(restarts)
  postgres=$(serial odd-0 5432)
  patroni=$(serial odd-0 8008)
  k delete secret odd-member-tls
  within 90 differs_from "$postgres" 5432
  within 30 differs_from "$patroni" 8008
  [ "$(restarts)" = "$before" ]
  within 60 healthy odd
}

promise "a member's new certificate is used by Postgres and Patroni without a restart" certificate_changes

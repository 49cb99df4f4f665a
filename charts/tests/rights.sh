# shellcheck shell=bash
# What the operator may do: enough for src/, and no more. Asked of the API server, as an identity that has the rendered roles.

# Installs the rendered roles under this run's names, for an identity of its own.
rights_install() {
  # A right to what the server does not serve can't be asked about; where the definition is, it is left as it is.
  kubectl get crd postgresclusters.stylobate.dev >/dev/null 2>&1 || kubectl apply --server-side -f crds/ >/dev/null
  render stylobate charts/stylobate/values.yaml -s templates/clusterrole.yaml | to_json | jq --arg name "$RUN" '
    .[] | .metadata.name = $name | if .kind == "ClusterRoleBinding" then .roleRef.name = $name else . end' |
    kubectl apply -f - >/dev/null
  render stylobate charts/stylobate/values.yaml -s templates/lease.yaml -s templates/serviceaccount.yaml |
    kubectl apply -f - >/dev/null
}

as_operator() { kubectl --as="system:serviceaccount:$NAMESPACE:stylobate" -n "$NAMESPACE" "$@"; }

may() { as_operator auth can-i "$@"; }
may_not() { [[ $(as_operator auth can-i "$@" 2>/dev/null) == no ]]; }

# Kinds of children, as src/child.rs lists them: group/plural.
child_kinds() {
  sed -nE 's/^ *Kind::[A-Za-z]+ => \("([^"]*)", "[^"]*", "[^"]*", "([^"]*)"\).*/\2 \1/p' src/child.rs |
    awk '{ print $2 == "" ? $1 : $1 "." $2 }'
}

every_child() {
  local kind verb found=0
  for kind in $(child_kinds); do
    # What the server does not serve can't be asked about.
    [[ $kind != podmonitors.* ]] || continue
    found=$((found + 1))
    for verb in get list watch create patch; do
      may "$verb" "$kind" >/dev/null || { echo "may not $verb $kind"; return 1; }
    done
  done
  ((found >= 10)) || { echo "found only $found kinds in src/child.rs"; return 1; }
}

# Calls that src/ makes beside those on every kind of child.
other_calls() {
  local call
  while read -r call; do
    # shellcheck disable=SC2086 # each call is several words
    may $call >/dev/null || { echo "may not $call"; return 1; }
  done <<'CALLS'
get postgresclusters.stylobate.dev
list postgresclusters.stylobate.dev
watch postgresclusters.stylobate.dev
patch postgresclusters.stylobate.dev
create postgresclusters.stylobate.dev
patch postgresclusters.stylobate.dev --subresource=status
update postgresclusters.stylobate.dev --subresource=finalizers
get secrets
get configmaps
delete configmaps
delete services
delete poddisruptionbudgets.policy
delete networkpolicies.networking.k8s.io
delete statefulsets.apps
delete deployments.apps
list nodes
watch nodes
list pods
watch pods
patch pods
delete pods
get persistentvolumeclaims
list persistentvolumeclaims
watch persistentvolumeclaims
patch persistentvolumeclaims
create persistentvolumeclaims
watch storageclasses.storage.k8s.io
get postgresbackups.stylobate.dev
list postgresbackups.stylobate.dev
watch postgresbackups.stylobate.dev
create postgresbackups.stylobate.dev
patch postgresbackups.stylobate.dev
delete postgresbackups.stylobate.dev
patch postgresbackups.stylobate.dev --subresource=status
get volumesnapshots.snapshot.storage.k8s.io
list volumesnapshots.snapshot.storage.k8s.io
create volumesnapshots.snapshot.storage.k8s.io
delete volumesnapshots.snapshot.storage.k8s.io
get volumesnapshotcontents.snapshot.storage.k8s.io
list volumesnapshotcontents.snapshot.storage.k8s.io
patch volumesnapshotcontents.snapshot.storage.k8s.io
create volumesnapshotcontents.snapshot.storage.k8s.io
delete volumesnapshotcontents.snapshot.storage.k8s.io
list volumesnapshotclasses.snapshot.storage.k8s.io
get persistentvolumes
get namespaces
list storageclasses.storage.k8s.io
get events.events.k8s.io
create events.events.k8s.io
patch events.events.k8s.io
list events
watch events
CALLS
}

# The rules are those of src/build/rbac.rs; the server refuses a Role whose maker lacks a right that it grants.
grants_patroni() {
  as_operator create --dry-run=server -o name -f - <<ROLE
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: ledger-member}
rules:
  - {apiGroups: [""], resources: [configmaps], verbs: [create, list, watch]}
  - {apiGroups: [""], resources: [configmaps], resourceNames: [ledger-leader], verbs: [get, patch, update]}
  - {apiGroups: [""], resources: [pods], verbs: [list, watch]}
  - {apiGroups: [""], resources: [pods], resourceNames: [ledger-0], verbs: [get, patch]}
ROLE
}

grants_no_more() {
  local said
  said=$(as_operator create role more --verb=get,create --resource=pods --dry-run=server 2>&1) && return 1
  grep -q 'attempting to grant RBAC permissions not currently held' <<<"$said"
}

# Asked of the rendered role: the server answers no for a kind that it does not serve, whatever the role says.
pod_monitors() {
  render stylobate charts/stylobate/values.yaml -s templates/clusterrole.yaml | to_json | jq -e '
    any(.[].rules // [] | .[]; (.resources | index("podmonitors")) and (["get", "list", "watch", "create", "patch", "delete"] - .verbs == []))'
}

no_wildcard() {
  render stylobate charts/stylobate/values.yaml -s templates/clusterrole.yaml -s templates/lease.yaml | to_json |
    jq -e '[.[].rules // [] | .. | strings] | (length > 50) and (index("*") == null)'
}

nothing_more() {
  local question
  while read -r question; do
    # shellcheck disable=SC2086 # each question is several words
    may_not $question || { echo "may $question"; return 1; }
  done <<'QUESTIONS'
delete secrets
delete persistentvolumeclaims
delete persistentvolumes
patch persistentvolumes
delete serviceaccounts
delete roles.rbac.authorization.k8s.io
delete jobs.batch
create pods
create pods/exec
get nodes
patch nodes
list namespaces
delete namespaces
escalate roles.rbac.authorization.k8s.io
bind clusterroles.rbac.authorization.k8s.io
create clusterroles.rbac.authorization.k8s.io
impersonate users
delete postgresclusters.stylobate.dev
update leases.coordination.k8s.io/another
QUESTIONS
}

holds_lease() {
  may create leases.coordination.k8s.io && may get leases.coordination.k8s.io/stylobate &&
    may update leases.coordination.k8s.io/stylobate
}

# Whoever may log in may read the image catalog, and nobody writes it by that.
reads_catalog() {
  local person=(kubectl --as=somebody --as-group=system:authenticated -n "$NAMESPACE" auth can-i) asked
  render stylobate charts/stylobate/values.yaml -s templates/images.yaml | kubectl apply -f - >/dev/null
  "${person[@]}" get configmaps/stylobate-engine-images
  for asked in "list configmaps" "get configmaps/another" "patch configmaps/stylobate-engine-images" "update configmaps/stylobate-engine-images"; do
    # shellcheck disable=SC2086 # each question is two words
    [[ $("${person[@]}" $asked 2>/dev/null) == no ]] || { echo "may $asked"; return 1; }
  done
}

prove_rights() {
  keeps "the operator's roles are taken by the API server" rights_install
  keeps "the operator may get, list, watch, make and change every kind of child in src/child.rs" every_child
  keeps "the operator may make all other calls of src/" other_calls
  keeps "the operator's role names all that it does with a PodMonitor" pod_monitors
  keeps "the operator may grant Patroni's Role without escalate or bind" grants_patroni
  keeps "the operator may grant nothing that it lacks itself" grants_no_more
  keeps "the operator may hold its lease" holds_lease
  keeps "everybody may read the image catalog, and nobody writes it by that" reads_catalog
  keeps "no rule of the operator has a wildcard" no_wildcard
  keeps "the operator may not run commands in pods, change nodes, or delete what holds data" nothing_more
}

#!/usr/bin/env bash
# Says in plain words what a plan would make: plan-summary.sh FILE, where FILE is what `terraform test -json -verbose` said of
# a plan. For a real plan, Terraform's own words are better.
set -euo pipefail

[[ $# == 1 && -r $1 ]] || { echo "usage: plan-summary.sh FILE" >&2; exit 2; }
jq -rn --slurpfile said "$1" '
  ([$said[] | select(.type == "test_plan") | .test_plan] | first) as $plan
  | if $plan == null then
      ([$said[] | select(.type == "diagnostic") | .diagnostic | "\(.summary): \(.detail)"] | join("\n")) as $why
      | "failed to plan: \($why)" | halt_error(1)
    else . end
  | [$plan.resource_changes[] | select(.mode == "managed" and (.change.actions | index("create")))] as $made
  | def of($type): $made[] | select(.type == $type) | .change.after;
    def first_of($type): [of($type)] | first;
  (first_of("google_container_cluster")) as $cluster
  | "Customer \(first_of("google_kms_key_ring").name | sub("-stylobate$"; "")) in project \($cluster.project)",
    "",
    "Cluster    \($cluster.name) in \($cluster.location), zones \($cluster.node_locations | map(.[-1:]) | join(" ")), channel \($cluster.release_channel[0].channel)",
    "           DNS endpoint only, private nodes, Dataplane V2" + (if ($cluster.confidential_nodes // [] | length) > 0 then ", confidential nodes" else "" end),
    (of("google_container_node_pool") | "           pool \(.name): \(.node_config[0].machine_type), \(.autoscaling[0].min_node_count) to \(.autoscaling[0].max_node_count) in each zone" + (if (.node_config[0].taint // [] | length) > 0 then ", for databases alone" else "" end)),
    "Network    " + ([of("google_compute_subnetwork") | "\(.name) \(.ip_cidr_range)"] | if length == 0 then "an existing one, left as it is" else join(", ") end),
    "           " + (if [of("google_compute_router_nat")] | length > 0 then "NAT to named ranges" elif [of("google_compute_network")] | length > 0 then "no way to the internet" else "its own routes and firewall" end),
    "Keys       " + ([of("google_kms_crypto_key") | .name] | join(", ")) + " (" + (first_of("google_kms_crypto_key").version_template[0].protection_level // "none made") + ", every \(first_of("google_kms_crypto_key").rotation_period | rtrimstr("s") | tonumber / 86400 | floor) days)",
    ([of("google_storage_bucket") | select((.retention_policy // []) | length > 0)] as $evidence
      | "Evidence   " + ($evidence | map(.name) | join(", ")) + ", kept for \($evidence[0].retention_policy[0].retention_period | tonumber / 86400 | floor) days" + (if $evidence[0].retention_policy[0].is_locked then ", LOCKED for ever" else ", not locked" end)),
    ([of("google_storage_bucket") | select((.retention_policy // []) | length == 0)] as $wal
      # Members that may write are the grants with a role of that purpose; the plan knows them by the key of their resource.
      | [$made[] | select(.type == "google_storage_bucket_iam_member" and ((.index // "") | tostring | startswith("keep/"))) | .index | split("/") | last] as $archiving
      | "Archive    " + (if ($wal | length) == 0 then "no bucket for WAL" else "\($wal[0].name), WAL of " + (if ($archiving | length) == 0 then "no database yet" else ($archiving | join(", ")) end) + ", removed WAL can be had back for \($wal[0].soft_delete_policy[0].retention_duration_seconds / 86400 | floor) days" end)),
    "Accounts   " + ([of("google_service_account") | .account_id] | join(", ")),
    ($made[] | select(.type == "helm_release" and .name == "database") | .index as $name
      | ([of("google_compute_address") | select(.name | endswith("-" + $name)) | .labels.door] | first) as $door
      # Which ranges a door opens to is in the values of the chart, where the plan knows them already.
      | ([.change.after.values[]? | strings | select(startswith("\"exposure\"")) | scan("- \"([0-9./]+)\"")[]]) as $ranges
      | "Database   \($name): " + (if $door == null then "no door, inside Kubernetes alone" else "door \($door) " + ($ranges | join(" ")) end)),
    "Alerts     \([of("google_monitoring_alert_policy")] | length)",
    "",
    "Plan: \($made | length) to make:",
    ($made | group_by(.type)[] | "  \(length)\t\(.[0].type)")
' | sed 's/[[:space:]]*$//'

# Deny by default, both ways, and say so in the log. GKE adds its own rules for load balancers and its control plane at
# priorities 999 and 1000; they stand before these denials.
locals {
  # The lowest priority there is but one: everything else comes first.
  last = 65534

  internal = flatten([for made in values(local.made) : [made.nodes_cidr, made.pods_cidr, made.services_cidr]])

  rules = {
    deny-ingress = { direction = "INGRESS", action = "deny", priority = local.last, ranges = ["0.0.0.0/0"], protocol = "all", ports = [] }
    deny-egress  = { direction = "EGRESS", action = "deny", priority = local.last, ranges = ["0.0.0.0/0"], protocol = "all", ports = [] }

    # Nodes, pods, services, and the control plane, whose private endpoint has an address of the nodes' subnet.
    allow-egress-internal = { direction = "EGRESS", action = "allow", priority = 1000, ranges = local.internal, protocol = "all", ports = [] }

    # Everything that the platform asks of Google: images, keys, disks, logs. The name server and the metadata server,
    # 169.254.169.254, can't be denied by a rule.
    allow-egress-google = { direction = "EGRESS", action = "allow", priority = 1000, ranges = [local.vip.cidr], protocol = "tcp", ports = ["443"] }
  }

  nat_rules = !var.nat.enabled ? {} : {
    allow-egress-nat = { direction = "EGRESS", action = "allow", priority = 2000, ranges = var.nat.destinations, protocol = "tcp", ports = ["443"] }
  }

  all_rules = var.network.create == null ? {} : merge(local.rules, local.nat_rules, {
    for key, rule in var.extra_firewall : "extra-${key}" => rule
  })
}

resource "google_compute_firewall" "this" {
  for_each = local.all_rules

  project            = var.project_id
  name               = "${var.name}-${each.key}"
  network            = google_compute_network.this["this"].name
  direction          = each.value.direction
  priority           = each.value.priority
  source_ranges      = each.value.direction == "INGRESS" ? each.value.ranges : null
  destination_ranges = each.value.direction == "EGRESS" ? each.value.ranges : null

  dynamic "allow" {
    for_each = each.value.action == "allow" ? [each.value] : []

    content {
      protocol = allow.value.protocol
      ports    = allow.value.ports
    }
  }

  dynamic "deny" {
    for_each = each.value.action == "deny" ? [each.value] : []

    content {
      protocol = deny.value.protocol
      ports    = deny.value.ports
    }
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

# How clients outside Kubernetes reach each database: an address that stays, and the values with which the chart
# postgres-cluster makes the load balancer and, for PSC, the service attachment. Those two are made by GKE from objects of
# the chart, because the rule that they end in exists only after the Service does.
locals {
  modes = { internal = "Internal", psc = "PrivateServiceConnect", external = "External" }

  values = { for name, door in var.databases : name => {
    mode         = local.modes[door.mode]
    address      = google_compute_address.this[name].name
    sourceRanges = door.mode == "psc" ? [var.network.psc_cidr] : door.source_ranges
    globalAccess = door.global_access
    consumers    = [for project, limit in door.consumers : { project = project, connectionLimit = limit }]
    natSubnets   = door.mode == "psc" ? [basename(var.network.psc_subnetwork)] : []
  } }
}

resource "google_compute_address" "this" {
  for_each = var.databases

  project      = var.project_id
  name         = "${var.name}-${each.key}"
  region       = var.region
  description  = "Door of database ${each.key}."
  address_type = each.value.mode == "external" ? "EXTERNAL" : "INTERNAL"
  subnetwork   = each.value.mode == "external" ? null : var.network.subnetwork
  purpose      = each.value.mode == "external" ? null : "GCE_ENDPOINT"

  # A label, because a changed description would make another address.
  labels = merge(var.labels, { door = each.value.mode })
}

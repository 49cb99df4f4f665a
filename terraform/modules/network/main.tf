# The customer's own VPC: one subnet for nodes with ranges for pods and services, one for Private Service Connect on
# request. Nothing reaches the internet and nothing comes in unless a rule says so (firewall.tf, egress.tf).
# With `network.existing` nothing is made here, and the names are passed through.
locals {
  made = var.network.create == null ? {} : { this = var.network.create }
  psc  = { for key, range in local.made : key => range.psc_cidr if range.psc_cidr != null }

  # Names of the secondary ranges; GKE refers to them.
  pods_range     = "pods"
  services_range = "services"
}

resource "google_compute_network" "this" {
  for_each = local.made

  project                 = var.project_id
  name                    = "${var.name}-vpc"
  description             = "Made by Stylobate for ${var.name}."
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"

  # The default route leads to the internet. What is needed instead stands in egress.tf.
  delete_default_routes_on_create = true
}

resource "google_compute_subnetwork" "nodes" {
  for_each = local.made

  project                  = var.project_id
  name                     = "${var.name}-nodes"
  region                   = var.region
  network                  = google_compute_network.this[each.key].id
  ip_cidr_range            = each.value.nodes_cidr
  stack_type               = "IPV4_ONLY"
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = local.pods_range
    ip_cidr_range = each.value.pods_cidr
  }

  secondary_ip_range {
    range_name    = local.services_range
    ip_cidr_range = each.value.services_cidr
  }

  dynamic "log_config" {
    for_each = var.flow_logs.enabled ? [var.flow_logs] : []

    content {
      aggregation_interval = "INTERVAL_5_SEC"
      flow_sampling        = log_config.value.sampling
      metadata             = "INCLUDE_ALL_METADATA"
    }
  }
}

resource "google_compute_subnetwork" "psc" {
  for_each = local.psc

  project       = var.project_id
  name          = "${var.name}-psc"
  region        = var.region
  network       = google_compute_network.this[each.key].id
  ip_cidr_range = each.value
  purpose       = "PRIVATE_SERVICE_CONNECT"
}

resource "google_compute_subnetwork" "extra" {
  for_each = var.network.create == null ? {} : var.extra_subnets

  project                  = var.project_id
  name                     = "${var.name}-${each.key}"
  region                   = var.region
  network                  = google_compute_network.this["this"].id
  ip_cidr_range            = each.value
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_5_SEC"
    flow_sampling        = var.flow_logs.sampling
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

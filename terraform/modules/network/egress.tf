# What may leave the network: Google's APIs by a private address, and more only when NAT is asked for.
locals {
  # Addresses by which Google's APIs are reached without the internet. `restricted` serves only APIs that VPC Service
  # Controls cover; `private` serves all. Source: Google's page "Configure Private Google Access", July 2026.
  vips = {
    restricted = { cidr = "199.36.153.4/30", addresses = ["199.36.153.4", "199.36.153.5", "199.36.153.6", "199.36.153.7"] }
    private    = { cidr = "199.36.153.8/30", addresses = ["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"] }
  }
  vip = local.vips[var.google_apis]

  nat = { for key, made in local.made : key => made if var.nat.enabled }
}

resource "google_compute_route" "google_apis" {
  for_each = local.made

  project          = var.project_id
  name             = "${var.name}-google-apis"
  description      = "Google's APIs by their private address; the packets stay in Google's network."
  network          = google_compute_network.this[each.key].name
  dest_range       = local.vip.cidr
  next_hop_gateway = "default-internet-gateway"
}

resource "google_compute_route" "internet" {
  for_each = local.nat

  project          = var.project_id
  name             = "${var.name}-internet"
  description      = "Asked for by nat.enabled; nodes have no address of their own, so it leads through NAT."
  network          = google_compute_network.this[each.key].name
  dest_range       = "0.0.0.0/0"
  next_hop_gateway = "default-internet-gateway"
}

resource "google_compute_router" "this" {
  for_each = local.nat

  project = var.project_id
  name    = "${var.name}-router"
  region  = var.region
  network = google_compute_network.this[each.key].id
}

resource "google_compute_router_nat" "this" {
  for_each = local.nat

  project                            = var.project_id
  name                               = "${var.name}-nat"
  region                             = var.region
  router                             = google_compute_router.this[each.key].name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.nodes[each.key].id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ALL"
  }
}

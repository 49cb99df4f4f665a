output "network" {
  description = "What others need of the network: ids, names of secondary ranges, and null where there is no PSC subnet."
  value = var.network.create == null ? {
    network        = var.network.existing.network
    subnetwork     = var.network.existing.subnetwork
    pods_range     = var.network.existing.pods_range
    services_range = var.network.existing.services_range
    psc_subnetwork = var.network.existing.psc_subnetwork
    psc_cidr       = null
    } : {
    network        = google_compute_network.this["this"].id
    subnetwork     = google_compute_subnetwork.nodes["this"].id
    pods_range     = local.pods_range
    services_range = local.services_range
    psc_subnetwork = try(google_compute_subnetwork.psc["this"].id, null)
    psc_cidr       = var.network.create.psc_cidr
  }
  # Nodes that start before the rules and routes are there can't pull an image.
  depends_on = [google_compute_firewall.this, google_compute_route.google_apis, google_compute_router_nat.this]
}

output "google_apis" {
  description = "The private addresses of Google's APIs, for the module dns."
  value       = local.vip
}

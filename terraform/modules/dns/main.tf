# Names inside the customer's network: a private zone for the databases, and Google's APIs by their private addresses, so
# that `compute.googleapis.com` never resolves to an address that the firewall denies.
locals {
  # Domains of Google that the platform asks: APIs, images, and the cluster's own DNS endpoint.
  google_domains = var.google_addresses == null ? [] : ["googleapis.com", "pkg.dev", "gcr.io", "gke.goog"]

  google_records = merge([for domain in local.google_domains : {
    "${domain}/apex" = { zone = domain, name = "${domain}.", type = "A", rrdatas = var.google_addresses }
    "${domain}/any"  = { zone = domain, name = "*.${domain}.", type = "CNAME", rrdatas = ["${domain}."] }
  }]...)
}

resource "google_dns_managed_zone" "private" {
  project     = var.project_id
  name        = "${var.name}-databases"
  dns_name    = "${var.domain}."
  description = "Databases of ${var.name}; seen in its networks alone."
  visibility  = "private"
  labels      = var.labels

  private_visibility_config {
    dynamic "networks" {
      for_each = toset(concat([var.network], var.extra_networks))

      content {
        network_url = networks.value
      }
    }
  }
}

resource "google_dns_record_set" "this" {
  for_each = var.records

  project      = var.project_id
  managed_zone = google_dns_managed_zone.private.name
  name         = "${each.key}.${var.domain}."
  type         = each.value.type
  ttl          = each.value.ttl
  rrdatas      = each.value.rrdatas
}

resource "google_dns_managed_zone" "google" {
  for_each = toset(local.google_domains)

  project     = var.project_id
  name        = "${var.name}-${replace(each.value, ".", "-")}"
  dns_name    = "${each.value}."
  description = "Google's ${each.value} by its private address."
  visibility  = "private"
  labels      = var.labels

  private_visibility_config {
    networks {
      network_url = var.network
    }
  }
}

resource "google_dns_record_set" "google" {
  for_each = local.google_records

  project      = var.project_id
  managed_zone = google_dns_managed_zone.google[each.value.zone].name
  name         = each.value.name
  type         = each.value.type
  ttl          = 300
  rrdatas      = each.value.rrdatas
}

# Which pod asked for which name, for the person who looks for data that left.
resource "google_dns_policy" "this" {
  count = var.log_queries ? 1 : 0

  project        = var.project_id
  name           = "${var.name}-dns"
  description    = "Logs queries of the network."
  enable_logging = true

  networks {
    network_url = var.network
  }
}

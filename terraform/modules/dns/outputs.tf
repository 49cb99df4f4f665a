output "zone" {
  description = "The zone: its name and domain, as a DNS-01 solver or external-dns needs them."
  value = {
    name   = google_dns_managed_zone.private.name
    domain = var.domain
  }
}

output "names" {
  description = "Full names of the records."
  value       = { for name in keys(var.records) : name => "${name}.${var.domain}" }
}

output "google_domains" {
  description = "Domains that resolve to Google's private addresses."
  value       = local.google_domains
  depends_on  = [google_dns_record_set.google]
}

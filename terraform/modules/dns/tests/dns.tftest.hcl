# What the module promises of names.
mock_provider "google" {}

variables {
  project_id       = "shop-prod-1"
  name             = "shop"
  network          = "projects/p/global/networks/n"
  domain           = "db.shop.internal"
  google_addresses = ["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"]
  records          = { ledger = { rrdatas = ["10.20.0.5"] } }
}

run "all_zones_are_private" {
  command = plan

  assert {
    condition     = google_dns_managed_zone.private.visibility == "private" && alltrue([for zone in google_dns_managed_zone.google : zone.visibility == "private"])
    error_message = "a zone could be read from the internet"
  }

  assert {
    condition     = google_dns_record_set.this["ledger"].name == "ledger.db.shop.internal." && google_dns_record_set.this["ledger"].ttl == 60
    error_message = "a record must be a full name that clients look up again within a minute"
  }
}

run "every_host_of_the_snapshot_provider_resolves_to_a_private_address" {
  command = plan

  # The metadata server is a link-local address of the node, in no zone.
  assert {
    condition = alltrue([
      for need in jsondecode(file("../../gce-provider-needs.json")).hosts :
      anytrue([for zone in google_dns_managed_zone.google : endswith("${need.host}.", ".${zone.dns_name}")]) || need.host == "metadata.google.internal"
    ])
    error_message = "a host that the provider calls is in no zone"
  }

  # Where members archive WAL to.
  assert {
    condition     = anytrue([for zone in google_dns_managed_zone.google : endswith("storage.googleapis.com.", ".${zone.dns_name}")])
    error_message = "Cloud Storage is in no zone"
  }

  assert {
    condition     = google_dns_record_set.google["googleapis.com/apex"].rrdatas == tolist(var.google_addresses) && google_dns_record_set.google["googleapis.com/any"].rrdatas == tolist(["googleapis.com."])
    error_message = "names of Google's APIs must lead to the private addresses"
  }

  assert {
    condition     = join(" ", keys(google_dns_managed_zone.google)) == "gcr.io gke.goog googleapis.com pkg.dev"
    error_message = "APIs, images and the control plane must all be reached privately"
  }
}

run "a_network_with_its_own_way_to_google_is_left_alone" {
  command = plan

  variables {
    google_addresses = null
  }

  assert {
    condition     = length(google_dns_managed_zone.google) == 0
    error_message = "no zone of Google's names may be made"
  }
}

run "queries_are_logged" {
  command = plan

  assert {
    condition     = google_dns_policy.this[0].enable_logging
    error_message = "queries must be logged by default"
  }
}

# What the module promises of doors.
mock_provider "google" {}

variables {
  project_id = "shop-prod-1"
  name       = "shop"
  region     = "europe-west3"
  network    = { subnetwork = "projects/p/regions/r/subnetworks/nodes", psc_subnetwork = "projects/p/regions/r/subnetworks/shop-psc", psc_cidr = "10.20.4.0/26" }
  databases = {
    ledger = { source_ranges = ["10.0.0.0/8"], global_access = true }
    orders = { mode = "psc", consumers = { "partner-prod" = 5 } }
    portal = { mode = "external", source_ranges = ["203.0.113.0/24"] }
  }
}

run "a_door_is_internal_unless_asked_otherwise" {
  command = plan

  assert {
    condition     = google_compute_address.this["ledger"].address_type == "INTERNAL" && output.values["ledger"].mode == "Internal" && output.values["ledger"].sourceRanges == tolist(["10.0.0.0/8"])
    error_message = "the default must be an address of the network"
  }

  assert {
    condition     = output.values["ledger"].globalAccess && !output.values["portal"].globalAccess
    error_message = "other regions may come only where it says so"
  }
}

run "a_partner_comes_by_private_service_connect_alone" {
  command = plan

  assert {
    condition     = google_compute_address.this["orders"].address_type == "INTERNAL" && output.values["orders"].natSubnets == tolist(["shop-psc"]) && output.values["orders"].sourceRanges == tolist(["10.20.4.0/26"])
    error_message = "only the range of the PSC subnet may reach the door"
  }

  assert {
    condition     = jsonencode(output.values["orders"].consumers) == jsonencode([{ project = "partner-prod", connectionLimit = 5 }])
    error_message = "only the projects named may connect"
  }
}

run "a_public_door_opens_to_the_named_ranges_alone" {
  command = plan

  assert {
    condition     = google_compute_address.this["portal"].address_type == "EXTERNAL" && output.values["portal"].mode == "External" && output.values["portal"].sourceRanges == tolist(["203.0.113.0/24"])
    error_message = "the ranges must reach the chart"
  }
}

run "no_door_is_made_for_a_database_that_has_none" {
  command = plan

  variables {
    databases = {}
  }

  assert {
    condition     = length(google_compute_address.this) == 0
    error_message = "nothing may be exposed unasked"
  }
}

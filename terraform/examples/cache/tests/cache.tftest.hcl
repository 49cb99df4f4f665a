# A service is added with what is there: no module is edited.
mock_provider "google" {}

variables {
  project_id = "shop-prod-1"
  name       = "shop"
  region     = "europe-west3"
  network    = "projects/p/global/networks/n"
  range      = "10.20.6.0/29"
  kms_key    = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/disks"
}

run "the_cache_is_private_encrypted_and_asks_for_a_password" {
  command = plan

  assert {
    condition     = google_redis_instance.this.auth_enabled && google_redis_instance.this.transit_encryption_mode == "SERVER_AUTHENTICATION" && google_redis_instance.this.customer_managed_key == var.kms_key && google_redis_instance.this.authorized_network == var.network
    error_message = "the cache must be held to the rules of the databases"
  }
}

run "the_network_opens_to_it_by_an_extra_alone" {
  command = plan

  module {
    source = "../../modules/network"
  }

  variables {
    network        = { create = { nodes_cidr = "10.20.0.0/22", pods_cidr = "10.24.0.0/16", services_cidr = "10.20.16.0/20" } }
    extra_firewall = { cache = { direction = "EGRESS", ranges = ["10.20.6.0/29"], ports = ["6378"] } }
  }

  assert {
    condition     = google_compute_firewall.this["extra-cache"].destination_ranges == toset(["10.20.6.0/29"])
    error_message = "the rule must be made from the extra"
  }
}

run "a_range_that_is_no_29_is_refused" {
  command = plan

  variables {
    range = "10.20.6.0/24"
  }

  expect_failures = [var.range]
}

run "a_cache_without_memory_is_refused" {
  command = plan

  variables {
    memory_gb = 0
  }

  expect_failures = [var.memory_gb]
}

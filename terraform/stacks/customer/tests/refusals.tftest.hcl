# Bad input to the one apply, each refused by the variable that it came in, before anything is planned.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

mock_provider "helm" {}

variables {
  customer    = "example"
  folder      = "_example"
  environment = "prod"
  project_id  = "example-prod-1"
  region      = "europe-west3"
  zones       = ["europe-west3-a", "europe-west3-b", "europe-west3-c"]
  domain      = "db.example.internal"
  network     = { create = { nodes_cidr = "10.20.0.0/22", pods_cidr = "10.24.0.0/16", services_cidr = "10.20.16.0/20" } }
  node_pools  = { system = { machine_type = "e2-standard-2" }, db = { machine_type = "n2-standard-4", tainted = true } }
  operator    = { image = { prefix = "europe-docker.pkg.dev/p/stylobate", tag = "0.1.0" } }
  databases   = { ledger = { archive = true } }
  alerts      = { emails = { oncall = "oncall@example.com" } }
}

run "a_customers_name_that_breaks_resource_names_is_refused" {
  command = plan

  variables {
    customer = "Example & Sons"
  }

  expect_failures = [var.customer]
}

run "an_unknown_environment_is_refused" {
  command = plan

  variables {
    environment = "staging"
  }

  expect_failures = [var.environment]
}

run "a_zone_in_place_of_a_region_is_refused" {
  command = plan

  variables {
    region = "europe-west3-a"
  }

  expect_failures = [var.region]
}

run "a_region_with_fewer_than_three_zones_is_refused" {
  command = plan

  variables {
    zones = ["europe-west3-a", "europe-west3-b"]
  }

  expect_failures = [var.zones]
}

run "zones_of_another_region_are_refused" {
  command = plan

  variables {
    zones = ["europe-west1-b", "europe-west1-c", "europe-west1-d"]
  }

  expect_failures = [var.zones]
}

run "both_a_new_and_an_existing_network_are_refused" {
  command = plan

  variables {
    network = {
      create   = { nodes_cidr = "10.20.0.0/22", pods_cidr = "10.24.0.0/16", services_cidr = "10.20.16.0/20" }
      existing = { network = "n", subnetwork = "s", pods_range = "p", services_range = "v" }
    }
  }

  expect_failures = [var.network]
}

run "a_lock_in_a_test_is_refused" {
  command = plan

  variables {
    environment = "test"
    audit       = { lock = true, lock_confirm = "example-prod-1-example-evidence" }
  }

  expect_failures = [var.audit]
}

run "a_prod_cluster_that_may_be_destroyed_is_refused" {
  command = plan

  variables {
    cluster = { deletion_protection = false }
  }

  expect_failures = [var.cluster]
}

run "a_public_database_without_source_ranges_is_refused" {
  command = plan

  variables {
    databases = { ledger = { archive = true, door = { mode = "external" } } }
  }

  expect_failures = [var.databases]
}

run "objects_in_another_region_without_a_key_there_are_refused" {
  command = plan

  variables {
    backup = { objects_location = "europe-west1" }
  }

  expect_failures = [var.backup]
}

run "a_label_that_google_does_not_take_is_refused" {
  command = plan

  variables {
    labels = { "Cost Centre" = "1" }
  }

  expect_failures = [var.labels]
}

run "a_file_that_no_database_is_named_for_is_told" {
  command = plan

  variables {
    environment = "test"
    databases   = { other = {} }
  }

  expect_failures = [check.every_file_of_a_database_is_used]
}

run "a_prod_database_that_nothing_backs_up_is_told" {
  command = plan

  variables {
    databases = { ledger = { archive = true }, other = {} }
  }

  expect_failures = [check.every_prod_database_is_backed_up]
}

run "a_database_that_archives_without_a_bucket_is_refused" {
  command = plan

  variables {
    archive   = { enabled = false }
    databases = { ledger = { archive = true } }
  }

  expect_failures = [var.archive]
}

run "an_archive_in_a_place_without_a_key_of_that_place_is_refused" {
  command = plan

  variables {
    archive = { location = "eu" }
  }

  expect_failures = [var.archive]
}

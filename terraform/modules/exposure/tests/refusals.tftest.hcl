# Bad input, each refused by the variable that it came in.
mock_provider "google" {}

variables {
  project_id = "shop-prod-1"
  name       = "shop"
  region     = "europe-west3"
  network    = { subnetwork = "projects/p/regions/r/subnetworks/nodes" }
}

run "a_public_door_without_source_ranges_is_refused" {
  command = plan

  variables {
    databases = { ledger = { mode = "external" } }
  }

  expect_failures = [var.databases]
}

run "a_public_door_to_the_whole_internet_is_refused" {
  command = plan

  variables {
    databases = { ledger = { mode = "external", source_ranges = ["0.0.0.0/0"] } }
  }

  expect_failures = [var.databases]
}

run "a_public_door_to_a_huge_range_is_refused" {
  command = plan

  variables {
    databases = { ledger = { mode = "external", source_ranges = ["0.0.0.0/1"] } }
  }

  expect_failures = [var.databases]
}

run "an_internal_door_without_source_ranges_is_refused" {
  command = plan

  variables {
    databases = { ledger = {} }
  }

  expect_failures = [var.databases]
}

run "a_range_that_is_none_is_refused" {
  command = plan

  variables {
    databases = { ledger = { source_ranges = ["office"] } }
  }

  expect_failures = [var.databases]
}

run "an_unknown_mode_is_refused" {
  command = plan

  variables {
    databases = { ledger = { mode = "public", source_ranges = ["203.0.113.0/24"] } }
  }

  expect_failures = [var.databases]
}

run "psc_for_nobody_is_refused" {
  command = plan

  variables {
    network   = { subnetwork = "s", psc_subnetwork = "p", psc_cidr = "10.0.0.0/26" }
    databases = { ledger = { mode = "psc" } }
  }

  expect_failures = [var.databases]
}

run "psc_without_a_subnet_is_refused" {
  command = plan

  variables {
    databases = { ledger = { mode = "psc", consumers = { partner = 5 } } }
  }

  expect_failures = [var.databases]
}

run "consumers_of_a_door_that_is_no_psc_are_refused" {
  command = plan

  variables {
    databases = { ledger = { source_ranges = ["10.0.0.0/8"], consumers = { partner = 5 } } }
  }

  expect_failures = [var.databases]
}

run "a_database_with_a_bad_name_is_refused" {
  command = plan

  variables {
    databases = { Ledger = { source_ranges = ["10.0.0.0/8"] } }
  }

  expect_failures = [var.databases]
}

run "a_name_that_breaks_resource_names_is_refused" {
  command = plan

  variables {
    name = "shop_"
  }

  expect_failures = [var.name]
}

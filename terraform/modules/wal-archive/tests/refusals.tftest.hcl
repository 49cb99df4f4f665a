# Bad input, each refused by the variable that it came in.
mock_provider "google" {}

variables {
  project_id     = "shop-prod-1"
  project_number = "123456789012"
  name           = "shop"
  location       = "europe-west3"
  kms_key        = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/archive"
  workload_pool  = "shop-prod-1.svc.id.goog"
  databases      = { ledger = "ledger" }
}

run "an_id_in_place_of_the_projects_number_is_refused" {
  command = plan

  variables {
    project_number = "shop-prod-1"
  }

  expect_failures = [var.project_number]
}

run "a_name_that_breaks_bucket_names_is_refused" {
  command = plan

  variables {
    name = "Shop.Prod"
  }

  expect_failures = [var.name]
}

run "a_zone_in_place_of_a_region_is_refused" {
  command = plan

  variables {
    location = "europe-west3-a"
    kms_key  = "projects/p/locations/europe-west3-a/keyRings/r/cryptoKeys/archive"
  }

  expect_failures = [var.location]
}

run "a_key_of_another_region_is_refused" {
  command = plan

  variables {
    kms_key = "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/archive"
  }

  expect_failures = [var.kms_key]
}

run "a_regions_key_for_a_multi_region_is_refused" {
  command = plan

  variables {
    location = "eu"
  }

  expect_failures = [var.kms_key]
}

run "a_key_by_a_short_name_is_refused" {
  command = plan

  variables {
    kms_key = "archive"
  }

  expect_failures = [var.kms_key]
}

run "wal_that_is_gone_at_once_when_removed_is_refused" {
  command = plan

  variables {
    undelete_days = 0
  }

  expect_failures = [var.undelete_days]
}

run "more_days_than_cloud_storage_takes_are_refused" {
  command = plan

  variables {
    undelete_days = 91
  }

  expect_failures = [var.undelete_days]
}

run "a_pool_that_is_none_of_gkes_is_refused" {
  command = plan

  variables {
    workload_pool = "shop-prod-1"
  }

  expect_failures = [var.workload_pool]
}

run "a_database_of_a_name_that_no_cluster_has_is_refused" {
  command = plan

  variables {
    databases = { "ledger/*" = "ledger" }
  }

  expect_failures = [var.databases]
}

run "a_reader_by_wildcard_is_refused" {
  command = plan

  variables {
    readers = { "ledger/*" = ["ledger/ledger"] }
  }

  expect_failures = [var.readers]
}

run "the_wal_of_all_databases_of_a_namespace_is_refused" {
  command = plan

  variables {
    readers = { "ledger/ledger-2" = ["ledger/"] }
  }

  expect_failures = [var.readers]
}

# Bad input, each refused by the variable that it came in.
mock_provider "google" {}

variables {
  project_id           = "shop-prod-1"
  name                 = "shop"
  region               = "europe-west3"
  zones                = ["europe-west3-a", "europe-west3-b", "europe-west3-c"]
  network              = { network = "n", subnetwork = "s", pods_range = "pods", services_range = "services" }
  keys                 = { secrets = "projects/p/locations/l/keyRings/r/cryptoKeys/secrets", nodes = "projects/p/locations/l/keyRings/r/cryptoKeys/nodes" }
  node_service_account = "shop-nodes@shop-prod-1.iam.gserviceaccount.com"
}

run "a_region_with_fewer_than_three_zones_is_refused" {
  command = plan

  variables {
    zones = ["europe-west3-a", "europe-west3-b"]
  }

  expect_failures = [var.zones]
}

run "the_same_zone_three_times_is_refused" {
  command = plan

  variables {
    zones = ["europe-west3-a", "europe-west3-a", "europe-west3-a"]
  }

  expect_failures = [var.zones]
}

run "a_zone_of_another_region_is_refused" {
  command = plan

  variables {
    zones = ["europe-west3-a", "europe-west3-b", "europe-west1-b"]
  }

  expect_failures = [var.zones]
}

run "a_name_that_breaks_resource_names_is_refused" {
  command = plan

  variables {
    name = "Shop_1"
  }

  expect_failures = [var.name]
}

run "the_projects_default_account_is_refused" {
  command = plan

  variables {
    node_service_account = "123-compute@developer.gserviceaccount.com"
  }

  expect_failures = [var.node_service_account]
}

run "no_pool_for_databases_is_refused" {
  command = plan

  variables {
    node_pools = { system = { machine_type = "e2-standard-2" } }
  }

  expect_failures = [var.node_pools]
}

run "no_pool_for_the_system_is_refused" {
  command = plan

  variables {
    node_pools = { db = { machine_type = "e2-standard-2", tainted = true } }
  }

  expect_failures = [var.node_pools]
}

run "a_pool_with_a_bad_name_is_refused" {
  command = plan

  variables {
    node_pools = { System = { machine_type = "e2-standard-2" }, db = { machine_type = "e2-standard-2", tainted = true } }
  }

  expect_failures = [var.node_pools]
}

run "a_pool_whose_least_exceeds_its_most_is_refused" {
  command = plan

  variables {
    node_pools = { system = { machine_type = "e2-standard-2", min_per_zone = 4, max_per_zone = 3 }, db = { machine_type = "e2-standard-2", tainted = true } }
  }

  expect_failures = [var.node_pools]
}

run "a_pool_for_databases_without_a_node_in_each_zone_is_refused" {
  command = plan

  variables {
    node_pools = { system = { machine_type = "e2-standard-2" }, db = { machine_type = "e2-standard-2", tainted = true, min_per_zone = 0 } }
  }

  expect_failures = [var.node_pools]
}

run "a_boot_disk_that_holds_no_images_is_refused" {
  command = plan

  variables {
    node_pools = { system = { machine_type = "e2-standard-2", boot_disk_gb = 10 }, db = { machine_type = "e2-standard-2", tainted = true } }
  }

  expect_failures = [var.node_pools]
}

run "a_channel_without_support_is_refused" {
  command = plan

  variables {
    release_channel = "RAPID"
  }

  expect_failures = [var.release_channel]
}

run "a_window_of_an_hour_is_refused" {
  command = plan

  variables {
    maintenance = { start_time = "2026-01-03T01:00:00Z", end_time = "2026-01-03T02:00:00Z" }
  }

  expect_failures = [var.maintenance]
}

run "a_window_that_is_no_time_is_refused" {
  command = plan

  variables {
    maintenance = { start_time = "saturday" }
  }

  expect_failures = [var.maintenance]
}

run "a_recurrence_that_gke_does_not_take_is_refused" {
  command = plan

  variables {
    maintenance = { recurrence = "FREQ=YEARLY" }
  }

  expect_failures = [var.maintenance]
}

run "an_exclusion_of_an_unknown_scope_is_refused" {
  command = plan

  variables {
    maintenance = { exclusions = { all = { start_time = "2026-12-20T00:00:00Z", end_time = "2027-01-08T00:00:00Z", scope = "EVERYTHING" } } }
  }

  expect_failures = [var.maintenance]
}

run "a_security_group_of_another_name_is_refused" {
  command = plan

  variables {
    security_group = "dba@example.com"
  }

  expect_failures = [var.security_group]
}

run "backups_that_may_be_deleted_at_once_are_refused" {
  command = plan

  variables {
    object_backups = { key = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/backup", lock_days = 0 }
  }

  expect_failures = [var.object_backups]
}

run "a_key_of_another_region_than_the_backups_is_refused" {
  command = plan

  variables {
    object_backups = { key = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/backup" }
  }

  expect_failures = [var.object_backups]
}

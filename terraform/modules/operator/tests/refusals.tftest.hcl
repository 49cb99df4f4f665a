# Bad input, each refused by the variable that it came in.
mock_provider "helm" {}

variables {
  charts            = "../../../charts"
  image             = { prefix = "europe-docker.pkg.dev/images/stylobate", tag = "0.1.0" }
  service_account   = "shop-operator@shop-prod-1.iam.gserviceaccount.com"
  disk_key          = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/disks"
  snapshot_location = "eu"
  database_pools    = { db = { nodeSelector = {}, tolerations = [] } }
}

run "an_image_that_changes_by_itself_is_refused" {
  command = plan

  variables {
    image = { prefix = "europe-docker.pkg.dev/images/stylobate", tag = "latest" }
  }

  expect_failures = [var.image]
}

run "a_registry_with_a_scheme_is_refused" {
  command = plan

  variables {
    image = { prefix = "https://europe-docker.pkg.dev/images", tag = "0.1.0" }
  }

  expect_failures = [var.image]
}

run "a_namespace_of_kubernetes_is_refused" {
  command = plan

  variables {
    namespace = "kube-system"
  }

  expect_failures = [var.namespace]
}

run "a_key_by_a_short_name_is_refused" {
  command = plan

  variables {
    disk_key = "disks"
  }

  expect_failures = [var.disk_key]
}

run "a_spinning_disk_is_refused" {
  command = plan

  variables {
    disk_types = { stylobate-ssd = "pd-standard" }
  }

  expect_failures = [var.disk_types]
}

run "a_default_class_that_is_not_made_is_refused" {
  command = plan

  variables {
    default_disk = "fast"
  }

  expect_failures = [helm_release.operator]
}

run "snapshots_in_a_zone_are_refused" {
  command = plan

  variables {
    snapshot_location = "europe-west3-a"
  }

  expect_failures = [var.snapshot_location]
}

run "a_default_pool_that_is_not_there_is_refused" {
  command = plan

  variables {
    default_pool = "gold"
  }

  expect_failures = [var.default_pool]
}

run "a_database_in_a_pool_that_is_not_there_is_refused" {
  command = plan

  variables {
    databases = { ledger = { values = "", pool = "gold" } }
  }

  expect_failures = [var.databases]
}

run "a_database_with_a_bad_name_is_refused" {
  command = plan

  variables {
    databases = { Ledger = { values = "" } }
  }

  expect_failures = [var.databases]
}

run "a_database_whose_values_are_no_yaml_is_refused" {
  command = plan

  variables {
    databases = { ledger = { values = "a: [" } }
  }

  expect_failures = [var.databases]
}

run "an_archive_without_a_place_is_refused" {
  command = plan

  variables {
    databases = { ledger = { values = "backup: {archive: {retentionDays: 14}}" } }
  }

  expect_failures = [var.databases]
}

run "an_archive_in_two_places_is_refused" {
  command = plan

  variables {
    databases = { ledger = { values = "backup: {archive: {volume: {claim: wal}}}", archive = { gcs = { bucket = "shop-wal", prefix = "ledger/ledger" } } } }
  }

  expect_failures = [var.databases]
}

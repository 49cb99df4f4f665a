# The operator alone, from the same folder of the customer.
mock_provider "helm" {}

variables {
  dns_endpoint      = "gke-0123abcd-7.europe-west3.gke.goog"
  folder            = "_example"
  image             = { prefix = "europe-docker.pkg.dev/p/stylobate", tag = "0.2.0" }
  service_account   = "example-operator@example-prod-1.iam.gserviceaccount.com"
  disk_key          = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/disks"
  snapshot_location = "eu"
  database_pools    = { db = { nodeSelector = { "stylobate.dev/pool" = "db" }, tolerations = [] } }
  databases         = { ledger = { archive = { gcs = { bucket = "example-prod-1-example-wal", prefix = "ledger/ledger" } } } }
}

run "a_newer_operator_is_installed_and_the_platform_is_not_touched" {
  command = plan

  assert {
    condition     = output.release.name == "stylobate" && output.databases == { ledger = "ledger" }
    error_message = "the operator and the customer's databases must be planned"
  }

  assert {
    condition     = anytrue([for values in module.operator.database_values["ledger"] : strcontains(values, "example-prod-1-example-wal")])
    error_message = "a database that archives must go on to"
  }
}

run "an_endpoint_with_a_scheme_is_refused" {
  command = plan

  variables {
    dns_endpoint = "https://gke-0123abcd-7.europe-west3.gke.goog"
  }

  expect_failures = [var.dns_endpoint]
}

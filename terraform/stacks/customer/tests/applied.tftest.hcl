# An apply against mocks: what the charts are given is known only then. The answer is rendered and held against schemas.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }

  mock_resource "google_service_account" {
    defaults = { name = "projects/p/serviceAccounts/x", email = "x@p.iam.gserviceaccount.com", member = "serviceAccount:x@p.iam.gserviceaccount.com" }
  }

  # A made-up id may begin with a digit, which no subnet's name does, and the chart is right to refuse it.
  mock_resource "google_compute_subnetwork" {
    defaults = { id = "projects/p/regions/r/subnetworks/made-up" }
  }

  mock_resource "google_monitoring_notification_channel" {
    defaults = { name = "projects/p/notificationChannels/7" }
  }
}

mock_provider "helm" {}

run "an_apply_ends_and_says_what_to_type_next" {
  assert {
    condition     = strcontains(output.next, "--dns-endpoint") && alltrue([for name in keys(var.databases) : strcontains(output.next, "wait pgc/${name}")])
    error_message = "the output must say how to reach the cluster and every database"
  }

  assert {
    condition     = alltrue([for name, database in var.databases : strcontains(output.next, "wait pgc/${name} --for=condition=Archiving") == database.archive])
    error_message = "the output must say how to see that WAL is archived, of each database that archives and of no other"
  }

  assert {
    condition     = output.accounts.operator == "x@p.iam.gserviceaccount.com"
    error_message = "the output must tell the operator's account"
  }
}

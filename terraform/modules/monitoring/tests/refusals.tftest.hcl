# Bad input, each refused by the variable that it came in.
mock_provider "google" {}

variables {
  project_id        = "shop-prod-1"
  name              = "shop"
  emails            = { oncall = "oncall@example.com" }
  snapshot_deleters = ["shop-operator@shop-prod-1.iam.gserviceaccount.com"]
  audit_buckets     = ["shop-prod-1-shop-evidence"]
}

run "a_person_who_deletes_snapshots_unseen_is_refused" {
  command = plan

  variables {
    snapshot_deleters = ["me@example.com"]
  }

  expect_failures = [var.snapshot_deleters]
}

run "alerts_that_reach_nobody_are_refused" {
  command = plan

  variables {
    emails = {}
  }

  expect_failures = [var.emails]
}

run "an_address_that_is_none_is_refused" {
  command = plan

  variables {
    emails = { oncall = "oncall" }
  }

  expect_failures = [var.emails]
}

run "a_channel_that_is_none_is_refused" {
  command = plan

  variables {
    notification_channels = ["oncall@example.com"]
  }

  expect_failures = [var.notification_channels]
}

run "evidence_that_nobody_watches_is_refused" {
  command = plan

  variables {
    audit_buckets = []
  }

  expect_failures = [var.audit_buckets]
}

run "an_alert_of_an_unknown_severity_is_refused" {
  command = plan

  variables {
    extra_alerts = { x = { title = "x", query = "x", severity = "LOUD" } }
  }

  expect_failures = [var.extra_alerts]
}

run "a_name_that_breaks_resource_names_is_refused" {
  command = plan

  variables {
    name = ""
  }

  expect_failures = [var.name]
}

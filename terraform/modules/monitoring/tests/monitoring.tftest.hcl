# What somebody is told of.
mock_provider "google" {
  override_during = plan

  mock_resource "google_monitoring_notification_channel" {
    defaults = { name = "projects/p/notificationChannels/7" }
  }
}

variables {
  project_id        = "shop-prod-1"
  name              = "shop"
  emails            = { oncall = "oncall@example.com" }
  snapshot_deleters = ["shop-operator@shop-prod-1.iam.gserviceaccount.com", "service-1@container-engine-robot.iam.gserviceaccount.com"]
  archive_buckets   = ["shop-prod-1-shop-wal"]
  audit_buckets     = ["shop-prod-1-shop-evidence", "shop-prod-1-shop-audit-logs"]
}

run "a_database_that_takes_no_writes_wakes_somebody_within_two_minutes" {
  command = plan

  assert {
    condition     = google_monitoring_alert_policy.figure["no-writes"].severity == "CRITICAL" && google_monitoring_alert_policy.figure["no-writes"].conditions[0].condition_prometheus_query_language[0].duration == "60s"
    error_message = "a Down database must be critical after a minute"
  }

  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.figure : policy.notification_channels == tolist(["projects/p/notificationChannels/7"])]) && alltrue([for policy in google_monitoring_alert_policy.event : policy.notification_channels == tolist(["projects/p/notificationChannels/7"])])
    error_message = "an alert reaches nobody"
  }
}

run "data_that_could_not_be_brought_back_is_told" {
  command = plan

  assert {
    condition     = strcontains(google_monitoring_alert_policy.figure["archive"].conditions[0].condition_prometheus_query_language[0].query, "Archiving") && strcontains(google_monitoring_alert_policy.figure["backups"].conditions[0].condition_prometheus_query_language[0].query, "BackupsCurrent")
    error_message = "WAL that is not archived and a backup that is missing must reach somebody"
  }
}

run "every_alert_says_what_to_do" {
  command = plan

  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.figure : strcontains(policy.documentation[0].content, "docs/operations.md")]) && alltrue([for policy in google_monitoring_alert_policy.event : strcontains(policy.documentation[0].content, "docs/gcp/disaster-recovery.md")])
    error_message = "an alert names no page"
  }
}

run "what_should_never_happen_unseen_is_told" {
  command = plan

  assert {
    condition     = join(" ", keys(google_monitoring_alert_policy.event)) == "archive-touched evidence-touched key-lost rights-changed snapshot-deleted" && alltrue([for policy in google_monitoring_alert_policy.event : policy.severity == "CRITICAL"])
    error_message = "keys, evidence, archives, rights and snapshots must be watched"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.event["snapshot-deleted"].conditions[0].condition_matched_log[0].filter, "NOT protoPayload.authenticationInfo.principalEmail=(\"shop-operator@shop-prod-1.iam.gserviceaccount.com\" OR \"service-1@container-engine-robot.iam.gserviceaccount.com\")")
    error_message = "what retention deletes, by either provider, is no alarm; all else is"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.event["evidence-touched"].conditions[0].condition_matched_log[0].filter, "buckets/shop-prod-1-shop-evidence")
    error_message = "the bucket of evidence must be watched by its name"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.event["archive-touched"].conditions[0].condition_matched_log[0].filter, "buckets/shop-prod-1-shop-wal") && strcontains(google_monitoring_alert_policy.event["archive-touched"].conditions[0].condition_matched_log[0].filter, "NOT protoPayload.authenticationInfo.principalSubject:\".svc.id.goog/subject/ns/\"")
    error_message = "archived WAL that somebody else than a member removes must be told"
  }
}

run "a_public_door_is_asked_from_outside" {
  command = plan

  variables {
    public_doors = { portal = "203.0.113.9" }
  }

  assert {
    condition     = google_monitoring_uptime_check_config.door["portal"].tcp_check[0].port == 5432 && length(google_monitoring_uptime_check_config.door["portal"].selected_regions) == 3
    error_message = "the door must be asked on its port, from three regions"
  }
}

run "the_dashboard_is_sound_and_bears_the_customers_name" {
  command = plan

  assert {
    condition     = jsondecode(google_monitoring_dashboard.this.dashboard_json).displayName == "Stylobate shop" && length(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles) == 8
    error_message = "the dashboard must be JSON with eight tiles"
  }
}

run "an_extra_alert_is_added_without_an_edit" {
  command = plan

  variables {
    extra_alerts = { cache = { title = "The cache is full", query = "redis_memory_usage_ratio > 0.9" } }
  }

  assert {
    condition     = google_monitoring_alert_policy.figure["cache"].conditions[0].condition_prometheus_query_language[0].query == "redis_memory_usage_ratio > 0.9"
    error_message = "the alert must be made"
  }
}

# What wakes somebody, and what is only told. Every alert says in its text what is wrong and which page of the runbook to open.
# Figures are those of the operator (src/metrics/), by managed Prometheus; events are Google's own audit log.
locals {
  channels = concat(var.notification_channels, [for channel in google_monitoring_notification_channel.email : channel.name])

  # Limits in bytes and seconds; why each: lag beyond 256 MiB is minutes of replay after a failover, and the operator's
  # own reconcile ends after 120 s, so 300 s without a leader is two of them missed.
  lag_bytes = 256 * 1024 * 1024

  alerts = {
    no-writes = {
      severity = "CRITICAL", duration = "60s", runbook = "No member takes writes"
      title    = "A database takes no writes"
      query    = "stylobate_cluster_condition{type=\"Ready\",status=\"False\"} == 1"
    }
    not-redundant = {
      severity = "WARNING", duration = "900s", runbook = "A member does not come back"
      title    = "A database has lost a member"
      query    = "stylobate_cluster_condition{type=\"Redundant\",status=\"False\"} == 1"
    }
    storage = {
      severity = "WARNING", duration = "300s", runbook = "Volumes"
      title    = "A volume fills up"
      query    = "stylobate_cluster_condition{type=\"StorageOk\",status=\"False\"} == 1"
    }
    refused = {
      severity = "WARNING", duration = "600s", runbook = "Problems of a spec"
      title    = "A change of a database was refused"
      query    = "stylobate_cluster_condition{type=~\"Accepted|TuningAccepted\",status=\"False\"} == 1"
    }
    archive = {
      severity = "WARNING", duration = "60s", runbook = "Conditions"
      title    = "WAL is not archived: the volume fills, and moments since can't be brought back"
      query    = "stylobate_cluster_condition{type=\"Archiving\",status=\"False\"} == 1"
    }
    backups = {
      severity = "WARNING", duration = "300s", runbook = "Conditions"
      title    = "A promised backup is not there"
      query    = "stylobate_cluster_condition{type=\"BackupsCurrent\",status=\"False\"} == 1"
    }
    drills = {
      severity = "WARNING", duration = "300s", runbook = "Conditions"
      title    = "Backups are not proved as promised: a drill failed, or did not run"
      query    = "stylobate_cluster_condition{type=\"DrillsCurrent\",status=\"False\"} == 1"
    }
    rights = {
      severity = "WARNING", duration = "60s", runbook = "Conditions"
      title    = "A role of a database has rights that nobody gave it"
      query    = "stylobate_cluster_condition{type=\"RightsOk\",status=\"False\"} == 1"
    }
    databases = {
      severity = "WARNING", duration = "600s", runbook = "A database is in the way"
      title    = "Users, databases or extensions are not as the spec says"
      query    = "stylobate_cluster_condition{type=\"DatabasesOk\",status=\"False\"} == 1"
    }
    slots = {
      severity = "WARNING", duration = "300s", runbook = "Logical replication"
      title    = "A subscriber loses data, or would at the next failover"
      query    = "stylobate_cluster_condition{type=\"LogicalSlotsOk\",status=\"False\"} == 1"
    }
    engine = {
      severity = "WARNING", duration = "3600s", runbook = "Images"
      title    = "A database runs an image that the catalog does not offer"
      query    = "stylobate_cluster_condition{type=\"EngineCurrent\",status=\"False\"} == 1"
    }
    drain = {
      severity = "WARNING", duration = "900s", runbook = "Nodes"
      title    = "A node can't be emptied because of a database"
      query    = "stylobate_cluster_condition{type=\"DrainOk\",status=\"False\"} == 1"
    }
    lag = {
      severity = "WARNING", duration = "600s", runbook = "A member does not come back"
      title    = "A replica is far behind"
      query    = "stylobate_cluster_member_lag_bytes > ${local.lag_bytes}"
    }
    no-operator = {
      severity = "WARNING", duration = "300s", runbook = "The operator"
      title    = "No operator leads: databases fail over, but nothing else is looked after"
      query    = "absent(stylobate_leader == 1)"
    }
    errors = {
      severity = "WARNING", duration = "900s", runbook = "The operator"
      title    = "The operator fails again and again"
      query    = "increase(stylobate_reconcile_errors_total[15m]) > 10"
    }
  }

  # Things that a person should never see without having done them.
  events = merge(local.archive_events, {
    key-lost = {
      title  = "A key is disabled or about to be destroyed: data under it can't be read without it"
      filter = "protoPayload.serviceName=\"cloudkms.googleapis.com\" AND (protoPayload.methodName=\"DestroyCryptoKeyVersion\" OR protoPayload.methodName=\"UpdateCryptoKeyVersion\")"
    }
    evidence-touched = {
      title  = "The bucket of evidence was changed, or somebody tried"
      filter = "protoPayload.serviceName=\"storage.googleapis.com\" AND protoPayload.resourceName:(${join(" OR ", [for bucket in var.audit_buckets : "\"buckets/${bucket}\""])}) AND protoPayload.methodName=(\"storage.buckets.update\" OR \"storage.buckets.delete\" OR \"storage.setIamPermissions\" OR \"storage.objects.delete\")"
    }
    snapshot-deleted = {
      title  = "A snapshot was deleted by somebody else than the operator"
      filter = "protoPayload.serviceName=\"compute.googleapis.com\" AND protoPayload.methodName:\"compute.snapshots.delete\" AND NOT protoPayload.authenticationInfo.principalEmail=(${join(" OR ", [for account in var.snapshot_deleters : "\"${account}\""])})"
    }
    rights-changed = {
      title  = "Rights in the project were changed"
      filter = "protoPayload.serviceName=\"cloudresourcemanager.googleapis.com\" AND protoPayload.methodName=\"SetIamPolicy\""
    }
  })

  # Members remove what no backup needs all day long. They come from the pool of the project's pods, which stands in the log as
  # the subject of the login; whoever else removes WAL is told of.
  archive_events = length(var.archive_buckets) == 0 ? {} : {
    archive-touched = {
      title  = "Archived WAL was removed by somebody who is no member of a database, or its bucket was changed"
      filter = "protoPayload.serviceName=\"storage.googleapis.com\" AND protoPayload.resourceName:(${join(" OR ", [for bucket in var.archive_buckets : "\"buckets/${bucket}\""])}) AND (protoPayload.methodName=(\"storage.buckets.update\" OR \"storage.buckets.delete\" OR \"storage.setIamPermissions\") OR (protoPayload.methodName=\"storage.objects.delete\" AND NOT protoPayload.authenticationInfo.principalSubject:\".svc.id.goog/subject/ns/\"))"
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.emails

  project      = var.project_id
  display_name = "Stylobate ${var.name}: ${each.key}"
  type         = "email"
  labels       = { email_address = each.value }
}

resource "google_monitoring_alert_policy" "figure" {
  for_each = merge(local.alerts, var.extra_alerts)

  project               = var.project_id
  display_name          = "Stylobate ${var.name}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.duration
      evaluation_interval = "30s"
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${var.name}: ${each.value.title}"
    content   = <<-TEXT
      ${each.value.title}. Look: `kubectl get pgc -A`, then `stylobate status NAME -n NAMESPACE`.
      What to do: docs/operations.md, *${each.value.runbook}*.
    TEXT
  }
}

resource "google_monitoring_alert_policy" "event" {
  for_each = local.events

  project               = var.project_id
  display_name          = "Stylobate ${var.name}: ${each.value.title}"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels

  conditions {
    display_name = each.value.title

    condition_matched_log {
      filter = "logName:\"cloudaudit.googleapis.com\" AND ${each.value.filter}"
    }
  }

  alert_strategy {
    auto_close = "604800s"

    notification_rate_limit {
      period = "300s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${var.name}: ${each.value.title}"
    content   = "${each.value.title}. Who, when and from where stands in the log entry. What to do: docs/gcp/disaster-recovery.md."
  }
}

# Whether a public door answers, asked from three continents. Their addresses have to be in the door's source ranges.
resource "google_monitoring_uptime_check_config" "door" {
  for_each = var.public_doors

  project          = var.project_id
  display_name     = "Stylobate ${var.name}: door of ${each.key}"
  timeout          = "10s"
  period           = "60s"
  selected_regions = ["EUROPE", "USA", "ASIA_PACIFIC"]

  tcp_check {
    port = 5432
  }

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project_id, host = each.value }
  }
}

resource "google_monitoring_dashboard" "this" {
  project        = var.project_id
  dashboard_json = templatefile("${path.module}/dashboard.json.tftpl", { name = var.name })
}

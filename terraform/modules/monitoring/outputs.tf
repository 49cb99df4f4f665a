output "alerts" {
  description = "Titles of all alerts."
  value       = sort(concat([for policy in google_monitoring_alert_policy.figure : policy.display_name], [for policy in google_monitoring_alert_policy.event : policy.display_name]))
}

output "dashboard" {
  description = "Id of the dashboard."
  value       = google_monitoring_dashboard.this.id
}

# Switches on the Google APIs that the platform uses. Everything else waits for this module's output.
resource "google_project_service" "this" {
  for_each = setunion(var.services, var.extra_services)

  project = var.project_id
  service = each.value

  # Other things in the project may use the same API: a destroy leaves it on.
  disable_on_destroy = false
}

output "project_id" {
  description = "The project, known only when all its APIs are on: what takes it from here waits for them."
  value       = var.project_id
  depends_on  = [google_project_service.this]
}

output "services" {
  description = "APIs that are on."
  value       = sort([for service in google_project_service.this : service.service])
}

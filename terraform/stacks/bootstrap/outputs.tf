output "backend" {
  description = "Text of the customer's backend.hcl."
  value       = <<-TEXT
    bucket                      = "${google_storage_bucket.state.name}"
    prefix                      = "${var.customer}/customer"
    impersonate_service_account = "${google_service_account.deployer.email}"
  TEXT
}

output "deployer" {
  description = "Address of the account that applies; the customer's tfvars name it."
  value       = google_service_account.deployer.email
}

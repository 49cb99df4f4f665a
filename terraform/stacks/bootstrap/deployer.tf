# The account that applies. It has no key: those named in `deployers` act as it, for an hour at a time, and each time is
# logged with their own name.
locals {
  # What the stack `customer` makes, each by the narrowest predefined role that can make it.
  roles = [
    "roles/artifactregistry.admin",
    "roles/cloudkms.admin",
    "roles/compute.networkAdmin",
    "roles/compute.securityAdmin",
    "roles/container.admin",
    "roles/dns.admin",
    "roles/gkebackup.admin",
    "roles/iam.roleAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/logging.configWriter",
    "roles/monitoring.editor",
    "roles/resourcemanager.projectIamAdmin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
  ]
}

resource "google_service_account" "deployer" {
  project      = module.services.project_id
  account_id   = "${var.customer}-deployer"
  display_name = "Stylobate ${var.customer}: applies Terraform"
}

resource "google_project_iam_member" "deployer" {
  for_each = toset(local.roles)

  project = var.project_id
  role    = each.value
  member  = google_service_account.deployer.member
}

resource "google_service_account_iam_member" "deployers" {
  for_each = var.deployers

  service_account_id = google_service_account.deployer.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value
}

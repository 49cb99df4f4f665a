# One account for each purpose, each with the least that it needs. No account has a key: pods prove themselves by
# Workload Identity, people and pipelines by impersonation.
locals {
  # Purposes: what each account is for and its roles on the project. What the operator may do to disks is in snapshots.tf.
  accounts = merge({
    nodes = {
      title = "Nodes: write logs and metrics"
      roles = ["roles/logging.logWriter", "roles/monitoring.metricWriter", "roles/monitoring.viewer", "roles/stackdriver.resourceMetadata.writer"]
      pods  = []
    }
    operator = {
      title = "Operator: snapshots of its disks, evidence"
      roles = []
      pods  = ["${var.operator.namespace}/${var.operator.service_account}"]
    }
    }, {
    for purpose, account in var.extra_accounts : purpose => {
      title = account.title
      roles = account.roles
      pods  = account.pods
    }
  })

  grants = merge([for purpose, account in local.accounts : {
    for role in account.roles : "${purpose}/${role}" => { purpose = purpose, role = role }
  }]...)

  pods = merge([for purpose, account in local.accounts : {
    for pod in account.pods : "${purpose}/${pod}" => { purpose = purpose, pod = pod }
  }]...)
}

resource "google_service_account" "this" {
  for_each = local.accounts

  project      = var.project_id
  account_id   = "${var.name}-${each.key}"
  display_name = "Stylobate ${var.name}: ${each.value.title}"
}

resource "google_project_iam_member" "this" {
  for_each = local.grants

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.this[each.value.purpose].member
}

# Images come from one repository; the nodes may read that one, and no other.
resource "google_artifact_registry_repository_iam_member" "nodes" {
  for_each = var.image_repository == null ? {} : { this = var.image_repository }

  project    = each.value.project
  location   = each.value.location
  repository = each.value.repository
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.this["nodes"].member
}

# A pod of this one ServiceAccount of Kubernetes, and no other, is this account.
resource "google_service_account_iam_member" "pod" {
  for_each = local.pods

  service_account_id = google_service_account.this[each.value.purpose].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${coalesce(var.workload_pool, "${var.project_id}.svc.id.goog")}[${each.value.pod}]"
}

# Who makes nodes must be allowed to give them their account; of this one account alone.
resource "google_service_account_iam_member" "deployer" {
  for_each = var.deployer == null ? {} : { nodes = var.deployer }

  service_account_id = google_service_account.this[each.key].name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${each.value}"
}

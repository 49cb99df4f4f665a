# What the operator may do to disks and snapshots, from the one list that its provider is built to: gce-provider-needs.json.
#
# IAM conditions see a resource's name and type, and never its labels. So the name's prefix is what IAM enforces, and the
# label is what the operator looks at besides. Three bindings, by what a call checks its permission on:
#   look  on the project: lists and operations have no name to hold against a condition
#   take  on a disk of a volume, and on a snapshot that is about to be made: by name where Google shows the name
#   keep  on a snapshot that is there: by name, without exception
locals {
  needs = jsondecode(file("${path.module}/../../gce-provider-needs.json"))

  permissions = distinct(flatten([for call in local.needs.calls : call.permissions]))
  snapshot    = "projects/${var.project_id}/global/snapshots/${local.needs.snapshot_name_prefix}"

  # A snapshot must bear the prefix, a disk must be a volume of Kubernetes. Whether Google checks a create on the snapshot
  # to come or on the project is not written down; either way passes, and a foreign name passes neither.
  take = join(" && ", [
    "(resource.type != \"compute.googleapis.com/Snapshot\" || resource.name.startsWith(\"${local.snapshot}\"))",
    "(resource.type != \"compute.googleapis.com/Disk\" || resource.name.extract(\"/disks/{disk}\").startsWith(\"${local.needs.disk_name_prefix}\"))",
  ])

  snapshot_roles = {
    look = { title = "list snapshots, follow operations", on = ["project"], condition = null }
    take = { title = "take snapshots of volumes", on = ["disk", "new snapshot"], condition = local.take }
    keep = {
      title     = "read and delete snapshots of its own"
      on        = ["snapshot"]
      condition = "resource.type == \"compute.googleapis.com/Snapshot\" && resource.name.startsWith(\"${local.snapshot}\")"
    }
  }
}

resource "google_project_iam_custom_role" "snapshots" {
  for_each = local.snapshot_roles

  project     = var.project_id
  role_id     = replace("${var.name}_snapshots_${each.key}", "-", "_")
  title       = "Stylobate ${var.name}: ${each.value.title}"
  description = "Made from gce-provider-needs.json; a call that is added there is granted here."
  permissions = distinct([for permission in local.permissions : permission.name if contains(each.value.on, permission.on)])
}

resource "google_project_iam_member" "snapshots" {
  for_each = local.snapshot_roles

  project = var.project_id
  role    = google_project_iam_custom_role.snapshots[each.key].name
  member  = google_service_account.this["operator"].member

  dynamic "condition" {
    for_each = each.value.condition == null ? [] : [each.value.condition]

    content {
      title       = "stylobate-${each.key}"
      description = "Snapshots named ${local.needs.snapshot_name_prefix}*, volumes named ${local.needs.disk_name_prefix}*."
      expression  = condition.value
    }
  }
}

# Who may do what in the bucket. Members show who they are as their ServiceAccount of Kubernetes, which IAM knows by itself
# (Workload Identity Federation for GKE): no account of Google's stands between, so none has a key or can be acted as, and the
# ServiceAccount needs no annotation.
#
# Three roles, by what IAM can hold a call against:
#   look  list objects: checked on the bucket, so it has no name of an object. Without it Cloud Storage says of an object that is
#         not there that it is refused, and pgBackRest would take a new archive for a broken one
#   keep  write, read and remove objects: in the database's own folder
#   read  read objects: in the folder of a database that is brought back
locals {
  # A member of database `ledger` runs as ServiceAccount `ledger-member`: member() in src/name.rs.
  pool    = "principal://iam.googleapis.com/projects/${var.project_number}/locations/global/workloadIdentityPools/${var.workload_pool}/subject"
  writers = toset([for name, namespace in var.databases : "${namespace}/${name}"])
  members = { for who in setunion(local.writers, keys(var.readers)) : who => "${local.pool}/ns/${split("/", who)[0]}/sa/${split("/", who)[1]}-member" }

  # What pgBackRest 2.55 asks of Cloud Storage's JSON API: insert (which removes what it overwrites), get, delete, list.
  roles = {
    look = { title = "list archived WAL", permissions = ["storage.objects.list"] }
    keep = { title = "keep its own WAL", permissions = ["storage.objects.create", "storage.objects.delete", "storage.objects.get"] }
    read = { title = "read the WAL of another", permissions = ["storage.objects.get"] }
  }

  grants = merge(
    { for who in keys(local.members) : "look/${who}" => { role = "look", who = who, folder = null } },
    { for who in local.writers : "keep/${who}" => { role = "keep", who = who, folder = who } },
    merge([for who, folders in var.readers : { for folder in folders : "read/${who}/${folder}" => { role = "read", who = who, folder = folder } }]...),
  )
}

resource "google_project_iam_custom_role" "this" {
  for_each = local.roles

  project     = var.project_id
  role_id     = replace("${var.name}_archive_${each.key}", "-", "_")
  title       = "Stylobate ${var.name}: ${each.value.title}"
  description = "For members of databases, on the bucket of archived WAL alone."
  permissions = each.value.permissions
}

resource "google_storage_bucket_iam_member" "this" {
  for_each = local.grants

  bucket = google_storage_bucket.this.name
  role   = google_project_iam_custom_role.this[each.value.role].name
  member = local.members[each.value.who]

  # The folder ends in '/': shop/a is not the beginning of shop/ab.
  dynamic "condition" {
    for_each = each.value.folder == null ? [] : [each.value.folder]

    content {
      title       = "folder ${condition.value}"
      description = "Objects of ${condition.value} alone."
      expression  = "resource.type == \"storage.googleapis.com/Object\" && resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.this.name}/objects/${condition.value}/\")"
    }
  }
}

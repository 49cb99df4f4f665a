# What the module promises of archived WAL.
mock_provider "google" {
  override_during = plan

  mock_resource "google_project_iam_custom_role" {
    defaults = { name = "projects/shop-prod-1/roles/made" }
  }
}

variables {
  project_id     = "shop-prod-1"
  project_number = "123456789012"
  name           = "shop"
  location       = "europe-west3"
  kms_key        = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/archive"
  workload_pool  = "shop-prod-1.svc.id.goog"
  databases      = { ledger = "ledger", a = "sales" }
}

run "archived_wal_is_private_and_encrypted_with_the_customers_key" {
  command = plan

  assert {
    condition     = google_storage_bucket.this.public_access_prevention == "enforced" && google_storage_bucket.this.uniform_bucket_level_access && google_storage_bucket.this.force_destroy == false
    error_message = "the bucket could be made public, or destroyed with what is in it"
  }

  assert {
    condition     = google_storage_bucket.this.encryption[0].default_kms_key_name == var.kms_key && google_storage_bucket.this.location == "europe-west3" && google_storage_bucket.this.name == "shop-prod-1-shop-wal"
    error_message = "objects must be encrypted with the key given, in the place given"
  }
}

run "nothing_keeps_the_operator_from_removing_wal_and_nothing_else_removes_it" {
  command = plan

  assert {
    condition     = length(google_storage_bucket.this.retention_policy) == 0 && length(google_storage_bucket.this.lifecycle_rule) == 0
    error_message = "pgBackRest must be able to write archive.info anew, and no rule may remove it for its age"
  }
}

run "removed_wal_can_be_had_back_for_two_weeks" {
  command = plan

  assert {
    condition     = google_storage_bucket.this.soft_delete_policy[0].retention_duration_seconds == 14 * 86400 && !google_storage_bucket.this.versioning[0].enabled
    error_message = "what is removed must be kept for 14 days, and not as versions for ever"
  }
}

run "members_write_in_the_folder_of_their_own_database_alone" {
  command = plan

  assert {
    condition     = join(" ", keys(google_storage_bucket_iam_member.this)) == "keep/ledger/ledger keep/sales/a look/ledger/ledger look/sales/a"
    error_message = "each database must have its two rights, and nobody another"
  }

  assert {
    condition     = google_storage_bucket_iam_member.this["keep/sales/a"].condition[0].expression == "resource.type == \"storage.googleapis.com/Object\" && resource.name.startsWith(\"projects/_/buckets/shop-prod-1-shop-wal/objects/sales/a/\")"
    error_message = "objects of another database, or one whose name only begins the same, could be touched"
  }

  assert {
    condition     = length(google_storage_bucket_iam_member.this["look/sales/a"].condition) == 0 && google_project_iam_custom_role.this["look"].permissions == toset(["storage.objects.list"])
    error_message = "a list has no name to hold against a condition, and must be all that is granted without one"
  }

  assert {
    condition     = output.archives == { a = { gcs = { bucket = "shop-prod-1-shop-wal", prefix = "sales/a" } }, ledger = { gcs = { bucket = "shop-prod-1-shop-wal", prefix = "ledger/ledger" } } }
    error_message = "each database must be told the bucket and the folder that its members may write to"
  }
}

run "only_members_of_a_database_are_let_in_by_their_own_serviceaccount" {
  command = plan

  assert {
    condition     = google_storage_bucket_iam_member.this["keep/sales/a"].member == "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/shop-prod-1.svc.id.goog/subject/ns/sales/sa/a-member"
    error_message = "the right must name one namespace and one ServiceAccount"
  }

  assert {
    condition     = alltrue([for grant in google_storage_bucket_iam_member.this : startswith(grant.member, "principal://") && endswith(grant.member, "-member")])
    error_message = "somebody who is no member of a database is let in"
  }
}

run "no_role_reaches_beyond_objects" {
  command = plan

  assert {
    condition = toset(flatten([for role in google_project_iam_custom_role.this : tolist(role.permissions)])) == toset([
      "storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"
    ])
    error_message = "members need four permissions on objects; to undelete, to change the bucket or its rights is not theirs"
  }

  assert {
    condition     = google_project_iam_custom_role.this["read"].permissions == toset(["storage.objects.get"])
    error_message = "who is brought back from the WAL of another only reads it"
  }
}

run "a_database_that_is_brought_back_reads_the_wal_of_the_one_named_and_writes_nothing" {
  command = plan

  variables {
    databases = {}
    readers   = { "ledger/ledger-2" = ["ledger/ledger"] }
  }

  assert {
    condition     = join(" ", keys(google_storage_bucket_iam_member.this)) == "look/ledger/ledger-2 read/ledger/ledger-2/ledger/ledger"
    error_message = "a reader must list and read, and no more"
  }

  assert {
    condition     = strcontains(google_storage_bucket_iam_member.this["read/ledger/ledger-2/ledger/ledger"].condition[0].expression, "/objects/ledger/ledger/\")") && endswith(google_storage_bucket_iam_member.this["read/ledger/ledger-2/ledger/ledger"].member, "/ns/ledger/sa/ledger-2-member")
    error_message = "the new database must read the old one's folder, and no other"
  }
}

run "an_archive_that_outlives_a_region_takes_a_key_that_does" {
  command = plan

  variables {
    location = "eu"
    kms_key  = "projects/p/locations/europe/keyRings/r/cryptoKeys/archive"
  }

  assert {
    condition     = google_storage_bucket.this.location == "eu"
    error_message = "the bucket must be in the multi-region"
  }
}

# Who there is, and that nobody has more than the list of needs says.
mock_provider "google" {
  override_during = plan

  mock_resource "google_service_account" {
    defaults = { name = "projects/p/serviceAccounts/x", email = "x@p.iam.gserviceaccount.com", member = "serviceAccount:x@p.iam.gserviceaccount.com" }
  }
}

variables {
  project_id = "shop-prod-1"
  name       = "shop"
}

run "each_purpose_has_an_account_and_none_has_a_basic_role" {
  command = plan

  assert {
    condition     = join(" ", keys(google_service_account.this)) == "nodes operator" && google_service_account.this["operator"].account_id == "shop-operator"
    error_message = "there must be one account for nodes and one for the operator"
  }

  assert {
    condition     = alltrue([for grant in google_project_iam_member.this : !contains(["roles/owner", "roles/editor", "roles/viewer"], grant.role) && !can(regex("(?i)admin", grant.role))])
    error_message = "an account has a basic role or administers something"
  }

  assert {
    condition     = length([for grant in local.grants : grant if grant.purpose == "operator"]) == 0
    error_message = "the operator must have no role on the whole project but those of snapshots.tf"
  }
}

run "only_the_operators_own_pods_are_the_operator" {
  command = plan

  assert {
    condition     = google_service_account_iam_member.pod["operator/stylobate-system/stylobate"].member == "serviceAccount:shop-prod-1.svc.id.goog[stylobate-system/stylobate]" && length(google_service_account_iam_member.pod) == 1
    error_message = "the binding must name one namespace and one ServiceAccount"
  }
}

run "the_operator_has_every_permission_that_its_provider_needs_and_no_other" {
  command = plan

  assert {
    condition = toset(flatten([for role in google_project_iam_custom_role.snapshots : tolist(role.permissions)])) == toset(flatten([
      for call in jsondecode(file("../../gce-provider-needs.json")).calls : [for permission in call.permissions : permission.name]
    ]))
    error_message = "the roles and the list of needs differ"
  }

  assert {
    condition     = toset(google_project_iam_custom_role.snapshots["look"].permissions) == toset(["compute.snapshots.list", "compute.zoneOperations.get", "compute.regionOperations.get", "compute.globalOperations.get"])
    error_message = "what is granted without a condition must only list and follow"
  }

  assert {
    condition     = toset(google_project_iam_custom_role.snapshots["take"].permissions) == toset(["compute.disks.createSnapshot", "compute.snapshots.create", "compute.snapshots.setLabels"])
    error_message = "what may be made must be snapshots of disks"
  }

  assert {
    condition     = toset(google_project_iam_custom_role.snapshots["keep"].permissions) == toset(["compute.snapshots.get", "compute.snapshots.delete"])
    error_message = "what may be done to a snapshot must be to read and delete it"
  }
}

run "the_operator_can_neither_use_nor_share_a_snapshot_nor_touch_a_disk" {
  command = plan

  assert {
    condition = length(setintersection(
      toset(flatten([for role in google_project_iam_custom_role.snapshots : tolist(role.permissions)])),
      toset(local.needs.never)
    )) == 0
    error_message = "a permission that must never be granted is"
  }

  assert {
    condition     = length(local.needs.never) >= 10 && contains(local.needs.never, "compute.snapshots.useReadOnly")
    error_message = "the list of what must never be granted was cut"
  }
}

run "only_snapshots_of_the_operators_own_name_can_be_deleted" {
  command = plan

  assert {
    condition     = google_project_iam_member.snapshots["keep"].condition[0].expression == "resource.type == \"compute.googleapis.com/Snapshot\" && resource.name.startsWith(\"projects/shop-prod-1/global/snapshots/stylobate-\")"
    error_message = "a snapshot of somebody else could be deleted"
  }

  assert {
    condition     = strcontains(google_project_iam_member.snapshots["take"].condition[0].expression, "resource.type != \"compute.googleapis.com/Snapshot\" || resource.name.startsWith(\"projects/shop-prod-1/global/snapshots/stylobate-\")") && strcontains(google_project_iam_member.snapshots["take"].condition[0].expression, "startsWith(\"pvc-\")")
    error_message = "a snapshot of another name, or of a disk that is no volume, could be taken"
  }

  assert {
    condition     = length(google_project_iam_member.snapshots["look"].condition) == 0
    error_message = "a condition on names would refuse every list"
  }
}

run "who_applies_may_give_nodes_their_account_and_no_other" {
  command = plan

  variables {
    deployer = "shop-deployer@shop-prod-1.iam.gserviceaccount.com"
  }

  assert {
    condition     = join(" ", keys(google_service_account_iam_member.deployer)) == "nodes" && google_service_account_iam_member.deployer["nodes"].role == "roles/iam.serviceAccountUser"
    error_message = "the deployer must be able to act as the nodes' account alone"
  }
}

run "nodes_may_read_the_one_repository" {
  command = plan

  variables {
    image_repository = { project = "images", location = "europe", repository = "stylobate" }
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.nodes["this"].role == "roles/artifactregistry.reader" && google_artifact_registry_repository_iam_member.nodes["this"].repository == "stylobate"
    error_message = "nodes must read the repository named, and only read"
  }
}

run "an_extra_account_is_added_without_an_edit" {
  command = plan

  variables {
    extra_accounts = { cache = { title = "Cache: read its certificate", roles = ["roles/redis.viewer"], pods = ["shop/cache"] } }
  }

  assert {
    condition     = google_service_account.this["cache"].account_id == "shop-cache" && google_project_iam_member.this["cache/roles/redis.viewer"].role == "roles/redis.viewer" && google_service_account_iam_member.pod["cache/shop/cache"].member == "serviceAccount:shop-prod-1.svc.id.goog[shop/cache]"
    error_message = "the account, its role and its pod must be made"
  }
}

run "a_basic_role_is_refused" {
  command = plan

  variables {
    extra_accounts = { cache = { title = "x", roles = ["roles/editor"] } }
  }

  expect_failures = [var.extra_accounts]
}

run "a_role_that_administers_is_refused" {
  command = plan

  variables {
    extra_accounts = { cache = { title = "x", roles = ["roles/storage.admin"] } }
  }

  expect_failures = [var.extra_accounts]
}

run "a_pod_by_wildcard_is_refused" {
  command = plan

  variables {
    extra_accounts = { cache = { title = "x", pods = ["shop/*"] } }
  }

  expect_failures = [var.extra_accounts]
}

run "a_purpose_that_is_taken_is_refused" {
  command = plan

  variables {
    extra_accounts = { operator = { title = "x" } }
  }

  expect_failures = [var.extra_accounts]
}

run "a_name_that_breaks_account_ids_is_refused" {
  command = plan

  variables {
    name = "shop-of-a-very-long-name"
  }

  expect_failures = [var.name]
}

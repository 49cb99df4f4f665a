# Promises that hold for every customer, whatever its tfvars say. Run once for each folder of terraform/customers, with
# that folder's customer.tfvars; nothing is asked of Google.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

mock_provider "helm" {}

run "the_plan_keeps_what_every_customer_is_promised" {
  command = plan

  assert {
    condition     = module.gke.cluster.location == var.region && module.gke.cluster.name == "${var.customer}-stylobate"
    error_message = "the cluster must be regional and bear the customer's name"
  }

  assert {
    condition     = module.audit_store.retention.days >= 1 && (var.environment == "prod" ? module.audit_store.retention.days >= 365 : !module.audit_store.retention.locked)
    error_message = "evidence of a prod customer is kept for a year at least; that of a test is never locked"
  }

  assert {
    condition     = toset(keys(try(output.archive.databases, {}))) == toset([for name, database in var.databases : name if database.archive]) && (output.archive == null) == !var.archive.enabled
    error_message = "WAL is archived of the databases that say so, and of no other"
  }

  assert {
    condition     = length(distinct([for archive in values(try(output.archive.databases, {})) : archive.gcs.prefix])) == length([for database in var.databases : database if database.archive])
    error_message = "no two databases may write to one folder of the archive"
  }

  assert {
    condition     = try(module.kms.keys.objects, null) == var.backup.objects_key
    error_message = "a key of another place must be among those that Google's agents are let use"
  }

  assert {
    condition     = length(output.alerts) >= 13
    error_message = "all alerts must be made"
  }

  assert {
    condition     = toset(keys(output.connections)) == toset(keys(var.databases))
    error_message = "the output must tell how to reach every database"
  }

  assert {
    condition     = alltrue([for name, database in var.databases : (output.connections[name].name == null) == (database.door == null)])
    error_message = "a name is given to databases with a door, and to no other"
  }

  assert {
    condition     = module.operator.release.namespace == "stylobate-system" && toset(keys(module.operator.databases)) == toset(keys(var.databases))
    error_message = "the operator and every database must be installed"
  }

  assert {
    condition     = toset(keys(module.gke.database_pools)) == toset([for name, pool in var.node_pools : name if pool.tainted])
    error_message = "databases must be offered the tainted pools"
  }
}

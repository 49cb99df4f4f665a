# The operator and the databases' objects alone, for the days on which the platform must not be touched: a newer operator, or
# the same one in a cluster that was made anew. It makes nothing at Google. A customer who uses it takes the releases out of
# the stack customer's state first (docs/gcp/upgrade.md), so that two states never hold one release.
provider "helm" {
  kubernetes = {
    host = "https://${var.dns_endpoint}"
    exec = {
      api_version = "client.authentication.k8s.io/v1"
      command     = "gke-gcloud-auth-plugin"
      args        = var.deployer == null ? [] : ["--impersonate_service_account", var.deployer]
      env         = {}
    }
  }
}

locals {
  folder = "${path.root}/../../customers/${var.folder}"
}

module "operator" {
  source = "../../modules/operator"

  charts            = coalesce(var.charts, "${path.root}/../../../charts")
  image             = var.image
  service_account   = var.service_account
  disk_key          = var.disk_key
  disk_types        = var.disk_types
  default_disk      = var.default_disk
  snapshot_location = var.snapshot_location
  database_pools    = var.database_pools
  default_pool      = var.default_pool
  extra_values      = [for file in fileset(local.folder, "operator.yaml") : file("${local.folder}/${file}")]

  databases = { for name, database in var.databases : name => {
    values    = try(file("${local.folder}/databases/${name}.yaml"), "{}")
    namespace = database.namespace
    pool      = database.pool
    archive   = database.archive
    exposure  = database.exposure
  } }
}

# The one apply of a customer: what is made, in the order in which each needs the others. A new service is a file beside
# this one, with a module call of its own; no module here is edited for it (terraform/examples/cache).
module "services" {
  source = "../../modules/project-services"

  project_id     = var.project_id
  extra_services = local.extras.services
}

module "network" {
  source = "../../modules/network"

  project_id     = module.services.project_id
  name           = var.customer
  region         = var.region
  network        = var.network
  flow_logs      = var.flow_logs
  nat            = var.nat
  google_apis    = var.google_apis
  extra_subnets  = local.extras.subnets
  extra_firewall = local.extras.firewall
}

module "kms" {
  source = "../../modules/kms"

  project_id       = module.services.project_id
  name             = var.customer
  location         = var.region
  purposes         = keys(local.key_users)
  protection_level = var.kms.protection_level
  rotation_days    = var.kms.rotation_days
  existing_keys    = merge(var.kms.existing_keys, var.backup.objects_key == null ? {} : { objects = var.backup.objects_key })
  users            = local.key_users
  labels           = local.labels
}

module "identity" {
  source = "../../modules/identity"

  project_id       = module.services.project_id
  name             = var.customer
  image_repository = var.image_repository
  extra_accounts   = local.extras.accounts
  deployer         = var.deployer

  # Known when the cluster is there: the pool of identities that pods come from is made with it.
  workload_pool = module.gke.cluster.workload_pool
}

module "gke" {
  source = "../../modules/gke"

  project_id                = module.services.project_id
  name                      = var.customer
  region                    = var.region
  zones                     = var.zones
  network                   = module.network.network
  keys                      = { secrets = module.kms.keys.secrets, nodes = module.kms.keys.nodes }
  node_service_account      = module.identity.accounts.nodes.email
  node_pools                = merge(var.node_pools, local.extras.node_pools)
  release_channel           = var.cluster.release_channel
  maintenance               = var.cluster.maintenance
  dns_endpoint_from_outside = var.cluster.dns_endpoint_from_outside
  security_group            = var.cluster.security_group
  binary_authorization      = var.cluster.binary_authorization
  confidential_nodes        = var.cluster.confidential_nodes
  deletion_protection       = var.cluster.deletion_protection
  labels                    = local.labels

  object_backups = {
    key      = var.backup.objects_key == null ? module.kms.keys.backup : module.kms.keys.objects
    location = var.backup.objects_location
  }
}

module "audit_store" {
  source = "../../modules/audit-store"

  project_id     = module.services.project_id
  name           = var.customer
  location       = var.region
  kms_key        = module.kms.keys.audit
  retention_days = var.audit.retention_days
  lock           = var.audit.lock
  lock_confirm   = var.audit.lock_confirm
  writers        = { operator = module.identity.accounts.operator.member }
  readers        = var.audit.readers
  labels         = local.labels
}

module "archive" {
  source = "../../modules/wal-archive"
  count  = var.archive.enabled ? 1 : 0

  project_id     = module.services.project_id
  project_number = data.google_project.this.number
  name           = var.customer
  location       = coalesce(var.archive.location, var.region)
  kms_key        = module.kms.keys.archive
  undelete_days  = var.archive.undelete_days
  workload_pool  = module.gke.cluster.workload_pool
  databases      = { for name, database in var.databases : name => coalesce(database.namespace, name) if database.archive }
  readers        = var.archive.readers
  labels         = local.labels
}

module "exposure" {
  source = "../../modules/exposure"

  project_id = module.services.project_id
  name       = var.customer
  region     = var.region
  network    = module.network.network
  databases  = { for name, database in var.databases : name => database.door if database.door != null }
  labels     = local.labels
}

module "dns" {
  source = "../../modules/dns"

  project_id       = module.services.project_id
  name             = var.customer
  network          = module.network.network.network
  domain           = var.domain
  google_addresses = var.network.create == null ? null : module.network.google_apis.addresses
  labels           = local.labels

  # Public doors stand in a zone of the customer's own; the private one names what is inside.
  records = merge(local.extras.dns, { for name, address in module.exposure.addresses : name => { rrdatas = [address] } })
}

module "operator" {
  source = "../../modules/operator"

  charts            = coalesce(var.operator.charts, "${path.root}/../../../charts")
  image             = var.operator.image
  service_account   = module.identity.workloads.operator
  disk_key          = module.kms.keys.disks
  disk_types        = var.operator.disk_types
  default_disk      = var.operator.default_disk
  default_pool      = var.operator.default_pool
  snapshot_location = coalesce(var.backup.snapshot_location, var.region)
  cluster_domain    = module.gke.cluster.domain
  database_pools    = module.gke.database_pools
  extra_values      = local.operator_values
  labels            = local.labels

  databases = { for name, database in var.databases : name => {
    values    = local.database_files[name]
    namespace = database.namespace
    pool      = database.pool
    archive   = database.archive ? try(module.archive[0].archives[name], null) : null
    exposure  = database.door == null ? null : yamlencode({ exposure = module.exposure.values[name] })
  } }

  # Pods need nodes, their way to Google, and its names.
  depends_on = [module.gke, module.dns]
}

module "monitoring" {
  source = "../../modules/monitoring"

  project_id            = module.services.project_id
  name                  = var.customer
  emails                = var.alerts.emails
  notification_channels = var.alerts.channels
  snapshot_deleters     = [module.identity.accounts.operator.email, trimprefix(local.agents.gke, "serviceAccount:")]
  audit_buckets         = values(module.audit_store.buckets)
  archive_buckets       = module.archive[*].bucket
  extra_alerts          = local.extras.alerts
  public_doors          = { for name, database in var.databases : name => module.exposure.addresses[name] if var.alerts.ask_public_doors && try(database.door.mode, "") == "external" }
}

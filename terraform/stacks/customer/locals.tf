# What is read from the customer's folder, and who may use which key.
data "google_project" "this" {
  project_id = var.project_id
}

locals {
  folder = "${path.root}/../../customers/${coalesce(var.folder, var.customer)}"

  labels = merge(var.labels, { customer = var.customer, environment = var.environment, managed-by = "stylobate" })

  # extras/KIND.yaml adds to the inputs of a module, by name; a folder without them has none.
  extras = {
    firewall   = merge([for file in fileset(local.folder, "extras/firewall.yaml") : yamldecode(file("${local.folder}/${file}"))]...)
    subnets    = merge([for file in fileset(local.folder, "extras/subnets.yaml") : yamldecode(file("${local.folder}/${file}"))]...)
    dns        = merge([for file in fileset(local.folder, "extras/dns.yaml") : yamldecode(file("${local.folder}/${file}"))]...)
    node_pools = merge([for file in fileset(local.folder, "extras/node_pools.yaml") : yamldecode(file("${local.folder}/${file}"))]...)
    accounts   = merge([for file in fileset(local.folder, "extras/accounts.yaml") : yamldecode(file("${local.folder}/${file}"))]...)
    alerts     = merge([for file in fileset(local.folder, "extras/alerts.yaml") : yamldecode(file("${local.folder}/${file}"))]...)
    services   = flatten([for file in fileset(local.folder, "extras/services.yaml") : yamldecode(file("${local.folder}/${file}"))])
  }

  # databases/NAME.yaml holds values of the chart postgres-cluster for database NAME; operator.yaml those of the operator's.
  database_files  = { for name in keys(var.databases) : name => try(file("${local.folder}/databases/${name}.yaml"), "{}") }
  operator_values = [for file in fileset(local.folder, "operator.yaml") : file("${local.folder}/${file}")]

  # Google's own accounts, which encrypt and decrypt on our behalf. Their addresses follow from the project's number.
  agents = { for agent, domain in {
    compute   = "compute-system"
    gke       = "container-engine-robot"
    storage   = "gs-project-accounts"
    gkebackup = "gcp-sa-gkebackup"
  } : agent => "serviceAccount:service-${data.google_project.this.number}@${domain}.iam.gserviceaccount.com" }

  # What keys are for, and who uses each.
  key_users = merge({
    audit   = { storage = local.agents.storage }
    backup  = { gkebackup = local.agents.gkebackup }
    disks   = { compute = local.agents.compute }
    nodes   = { compute = local.agents.compute }
    secrets = { gke = local.agents.gke }
    },
    var.archive.enabled ? { archive = { storage = local.agents.storage } } : {},
    # Backups of objects in another place take a key of that place, which Google's agent must be let use as well.
    var.backup.objects_key == null ? {} : { objects = { gkebackup = local.agents.gkebackup } },
  )
}

# A file that no database is named for would be read by nobody.
check "every_file_of_a_database_is_used" {
  assert {
    condition     = length(setsubtract([for file in fileset(local.folder, "databases/*.yaml") : trimsuffix(basename(file), ".yaml")], keys(var.databases))) == 0
    error_message = "customers/${coalesce(var.folder, var.customer)}/databases has files that no entry of databases names: ${jsonencode(setsubtract([for file in fileset(local.folder, "databases/*.yaml") : trimsuffix(basename(file), ".yaml")], keys(var.databases)))}. Name them in customer.tfvars, or remove them."
  }
}

# What no schedule makes can't be restored, and nobody misses it before the day.
check "every_prod_database_is_backed_up" {
  assert {
    condition     = var.environment != "prod" || alltrue([for text in values(local.database_files) : length(try(yamldecode(text).backup.schedules, [])) > 0])
    error_message = "databases ${jsonencode([for name, text in local.database_files : name if length(try(yamldecode(text).backup.schedules, [])) == 0])} have no backup.schedules in customers/${coalesce(var.folder, var.customer)}/databases/NAME.yaml: nothing of them could be restored. Give each a schedule, as [{name: nightly, schedule: 0 1 * * *}]."
  }
}

output "next" {
  description = "What to type next."
  value       = <<-TEXT
    1. Reach the cluster (needs gcloud and gke-gcloud-auth-plugin):
         gcloud container clusters get-credentials ${module.gke.cluster.name} --location ${module.gke.cluster.location} --project ${var.project_id} --dns-endpoint
    2. See that the operator is well:
         kubectl -n ${module.operator.release.namespace} get pods
         kubectl get pgc -A
    %{for name, namespace in module.operator.databases~}
    3. Wait for database ${name}, and connect:
         kubectl -n ${namespace} wait pgc/${name} --for=condition=Ready --timeout=10m
         kubectl -n ${namespace} exec -it ${name}-0 -c postgres -- psql
    %{endfor~}
    %{for name in keys(try(module.archive[0].archives, {}))~}
    4. See that WAL of ${name} is archived; a backup that is made after that is where moments begin:
         kubectl -n ${module.operator.databases[name]} wait pgc/${name} --for=condition=Archiving --timeout=10m
         stylobate backup ${name} -n ${module.operator.databases[name]}
    %{endfor~}
    5. A change of a database is an edit of terraform/customers/${coalesce(var.folder, var.customer)}/databases/NAME.yaml and an apply.
  TEXT
}

output "connections" {
  description = "How clients reach each database: inside Kubernetes, and through its door. User and password are in Secret <name>-user-<user>."
  value = { for name, namespace in module.operator.databases : name => {
    inside    = "host=${name}-pooler.${namespace}.svc port=5432 sslmode=verify-full"
    outside   = contains(keys(module.exposure.addresses), name) ? "host=${name}-pooler.${namespace}.svc hostaddr=${module.exposure.addresses[name]} port=5432 sslmode=verify-full" : null
    name      = try(module.dns.names[name], null)
    authority = "key ca.crt of ConfigMap ${name}-ca in namespace ${namespace}"
  } }
}

output "cluster" {
  description = "The Kubernetes cluster."
  value       = module.gke.cluster
}

output "audit" {
  description = "Where evidence is, for how long, and whether that is final."
  value       = { buckets = module.audit_store.buckets, retention = module.audit_store.retention }
}

output "archive" {
  description = "Where WAL is archived, and what each database that archives says in spec.backup.archive; null without a bucket."
  value       = var.archive.enabled ? { bucket = module.archive[0].bucket, databases = module.archive[0].archives } : null
}

output "keys" {
  description = "Ids of the keys, by purpose."
  value       = module.kms.keys
}

output "accounts" {
  description = "Addresses of the accounts, by purpose."
  value       = module.identity.workloads
}

output "alerts" {
  description = "What somebody is told of."
  value       = module.monitoring.alerts
}

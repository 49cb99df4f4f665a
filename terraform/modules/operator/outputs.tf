output "release" {
  description = "Release and namespace of the operator."
  value       = { name = helm_release.operator.name, namespace = helm_release.operator.namespace }
}

output "values" {
  description = "Values that the operator's chart was given, for a person who installs it by hand."
  value       = yamlencode(local.values)
}

output "databases" {
  description = "Databases by name, with their namespaces."
  value       = { for name, release in helm_release.database : name => release.namespace }
}

output "database_values" {
  description = "Values that the chart of each database was given, in their order: a later text wins."
  value       = { for name, release in helm_release.database : name => release.values }
}

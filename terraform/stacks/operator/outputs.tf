output "release" {
  description = "Release and namespace of the operator."
  value       = module.operator.release
}

output "databases" {
  description = "Databases by name, with their namespaces."
  value       = module.operator.databases
}

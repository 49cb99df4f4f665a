output "addresses" {
  description = "Address of each door."
  value       = { for name, address in google_compute_address.this : name => address.address }
}

output "values" {
  description = "For each database the value `exposure` of the chart postgres-cluster."
  value       = local.values
}

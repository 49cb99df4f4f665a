output "accounts" {
  description = "Accounts by purpose: `email` for annotations and node pools, `member` for IAM."
  value = { for purpose, account in google_service_account.this : purpose => {
    email  = account.email
    member = account.member
  } }
  # A node that starts before its account may write logs and pull images does neither.
  depends_on = [google_project_iam_member.this, google_artifact_registry_repository_iam_member.nodes, google_service_account_iam_member.deployer]
}

output "snapshot_name_prefix" {
  description = "What names of the operator's snapshots begin with; IAM refuses others."
  value       = local.needs.snapshot_name_prefix
}

output "workloads" {
  description = "Addresses of accounts by purpose, known only when pods can become them and may do what they are for."
  value       = { for purpose, account in google_service_account.this : purpose => account.email }
  depends_on  = [google_service_account_iam_member.pod, google_project_iam_member.snapshots]
}

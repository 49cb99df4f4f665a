# The platform of a customer, without a cloud.
.PHONY: test-terraform plan
test-terraform: ## test the Terraform, what it gives the charts, and the pipelines; asks no cloud
	@terraform/test.sh

plan: ## show what an apply would make for a customer: make plan CUSTOMER=_example
	@terraform/plan.sh "$(CUSTOMER)"

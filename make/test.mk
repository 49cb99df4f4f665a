# All rings, the quick ones first: what breaks early is told early.
.PHONY: test test-local
test: test-rust test-csi test-charts test-images test-terraform test-local test-e2e test-admission ## everything: lints, scenarios, API server, charts, images, Terraform, end to end

test-local: ## test make up, down and clean on a copy of the checkout
	@local/test.sh

# All rings, the quick ones first: what breaks early is told early.
.PHONY: test test-changed test-local
test: ## everything: lints, scenarios, API server, charts, images, Terraform, end to end; tells what each ring took
	@tests/rings.sh all

test-changed: ## what the files changed since a commit can reach: make test-changed SINCE=<commit>
	@tests/rings.sh since "$(SINCE)"

test-local: ## test make up, down and clean on a copy of the checkout
	@local/test.sh

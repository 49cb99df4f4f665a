# The end-to-end ring on the local cluster, or on the one that STYLOBATE_KUBECONFIG names.
.PHONY: test-e2e
test-e2e: ## the operator end to end, one line for each promise; E2E=names runs some
	@local/up.sh
	@images/build.sh
	@images/load.sh
	@tests/e2e/run.sh

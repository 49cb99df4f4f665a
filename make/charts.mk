# The charts, on the local cluster or the one of STYLOBATE_KUBECONFIG.
.PHONY: test-charts
test-charts: ## test the charts: lint, schemas of the running API server, refusals, rights
	@local/up.sh
	@charts/test.sh

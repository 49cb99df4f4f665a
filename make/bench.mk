# Measurements. They say nothing on a machine that does something else at the same time.
.PHONY: bench
bench: ## measure, print the table and write docs/benchmarks.md (20 minutes)
	@local/up.sh
	@images/build.sh
	@images/load.sh
	@bench/run.sh

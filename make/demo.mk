.PHONY: demo
demo: ## the whole tour: cluster, operator, three members, load, two kills
	@local/up.sh
	@images/build.sh
	@images/load.sh
	@local/demo.sh

.PHONY: demo tour-day-two tour-backup tour-region
demo: ## the whole tour: cluster, operator, three members, load, two kills
	@local/up.sh
	@images/build.sh
	@images/load.sh
	@local/demo.sh

tour-day-two: ## retune, resize, upgrade and grow one cluster under load (10 minutes)
	@local/up.sh
	@images/build.sh
	@images/load.sh
	@local/tour-day-two.sh

tour-backup: ## back up, kill, restore, drill, and go back to before a DROP TABLE, under load (10 minutes)
	@local/up.sh
	@images/build.sh
	@images/load.sh
	@local/tour-backup.sh

tour-region: ## lose a whole Kubernetes under load, and come back in another one from the bucket alone (10 minutes)
	@images/build.sh
	@local/tour-region.sh

# The local Kubernetes. STYLOBATE_KUBECONFIG=<file> makes every target use that cluster instead.
.PHONY: up down clean

up: ## start the local Kubernetes, or check that STYLOBATE_KUBECONFIG's answers
	@local/up.sh

down: ## end what up started; volumes and images stay
	@local/down.sh

clean: ## down, and remove the local cluster's state; the build cache stays
	@local/clean.sh

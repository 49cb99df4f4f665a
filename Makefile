# Stylobate: the commands a person types. `make help` lists them.
# Each area brings its targets in its own file, so that two areas never edit the same lines.
.DEFAULT_GOAL := help
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory

include $(wildcard make/*.mk)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# Container images: built where they are stale, and brought into the local cluster when one runs.
.PHONY: images test-images
images: ## build stale images; load them into the local cluster
	@images/build.sh
	@images/load.sh

test-images: fresh-check-quick ## check what is in the images, and that they run read-only and non-root
	@python3 -B -m unittest discover -q -s images/postgres -p '*_test.py'
	@images/written-test.sh
	@images/compare-test.sh
	@images/versions-test.sh
	@images/build.sh
	@images/test.sh

# As on a machine where nothing of this was ever built.
.PHONY: fresh-check fresh-check-quick
fresh-check: ## set-up, images and demo in a new Debian of their own, with empty caches and package lists (an hour)
	@local/fresh-check.sh

fresh-check-quick:
	@local/fresh-check.sh --quick

# Container images: built where they are stale, and brought into the local cluster when one runs.
.PHONY: images test-images
images: ## build stale images; load them into the local cluster
	@images/build.sh
	@images/load.sh

test-images: ## check what is in the images, and that they run read-only and non-root
	@python3 -B -m unittest discover -q -s images/postgres -p '*_test.py'
	@images/build.sh
	@images/test.sh

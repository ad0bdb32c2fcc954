# Everything a developer types. `make` alone prints what there is.
SHELL := /bin/bash
ARGS ?=

.PHONY: help run test test-slow test-cgroup2 lint bench clean

help: ## this list
	@echo 'hezi: a container engine in Python'
	@echo
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: ## install into .venv and do the main job: pull an image, run a program in it (root)
	@tools/prepare run
	@.venv/bin/python tools/demo.py $(ARGS)

test: ## install what the tests need, run all of them but the slow ones
	@tools/prepare test
	@tools/pytest -m 'not slow' $(ARGS)

test-slow: ## the long suites too
	@tools/prepare test
	@tools/pytest $(ARGS)

test-cgroup2: ## the control group tests on cgroup v2 and under systemd, in a virtual machine (root, some 20 minutes)
	@tools/prepare cgroup2
	@.venv/bin/python tools/cgroup2_vm.py $(ARGS)

lint: ## ruff, mypy, import contracts, sizes, imports
	@tools/prepare lint
	@tools/pytest tests/lint $(ARGS)

bench: ## every benchmark, side by side with docker, podman and crun where they are installed (root)
	@tools/prepare bench
	@code=0; for one in imports start lifecycle pull archives namespaces; do .venv/bin/python bench/$$one.py || code=1; done; exit $$code

clean: ## remove what the above made here
	rm -rf .venv build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests tools bench -name __pycache__ -prune -exec rm -rf {} +

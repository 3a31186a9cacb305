# SPDX-License-Identifier: Apache-2.0
#
# Thin: each goal sets up what it needs (a second time that takes a moment) and calls the tool that does the work.
#   make demo [VIDEO=clip.mp4]   denoises a video by attention, dense, radial and windowed
#   make check                   builds, lints and runs every test, those under the sanitizers too
#   make wheel                   makes dist/: the sdist, and a wheel that needs no LLVM where it runs
#   make gpu-bundle              packs what tests and measures Falloff on a machine with a GPU
MAKEFLAGS += --no-builtin-rules --no-print-directory
BUILD := build/release
ASAN := build/asan
FUZZ := build/fuzz
LLVM_BIN := $(or $(LLVM_BIN),/usr/lib/llvm-22/bin)
PYTHON_BIN := .venv/bin
VIDEO ?=
JOBS ?= $(shell nproc)

.PHONY: help demo check bench fuzz setup setup-system setup-python build lint format docs clean distclean
.PHONY: check-all check-lit check-unit check-python check-asan build-asan wheel check-wheel gpu-bundle check-gpu-bundle

help:
	@sed -n 's/^#   //p' Makefile; echo "also: build lint format docs bench fuzz clean distclean check-all check-lit check-unit check-python check-asan check-wheel check-gpu-bundle"

setup-system:
	@bash scripts/setup-system.sh

setup-python: setup-system
	@bash scripts/setup-python.sh check

setup: setup-python

demo: setup-system
	@bash scripts/setup-python.sh demo
	@$(MAKE) build-release
	@$(PYTHON_BIN)/python -m falloff.demo $(if $(VIDEO),"$(VIDEO)")

# ---- building

build: setup-python build-release

.PHONY: build-release
build-release: $(BUILD)/build.ninja
	@cmake --build $(BUILD)

$(BUILD)/build.ninja:
	@cmake --preset release

build-asan: setup-python $(ASAN)/build.ninja
	@cmake --build $(ASAN)

$(ASAN)/build.ninja:
	@cmake --preset asan

# ---- checking, the quickest first

check:
	@$(MAKE) setup
	@$(MAKE) lint
	@$(MAKE) build-release
	@$(MAKE) check-lit check-unit check-python
	@$(MAKE) check-asan
	@$(MAKE) check-wheel
	@echo "make check: everything passed"

# What check leaves out because it takes half an hour: each pattern by every recipe, head dimension and architecture.
check-all: check
	@$(PYTHON_BIN)/python -m pytest -q -m exhaustive

lint: setup-python
	@$(PYTHON_BIN)/python scripts/lint.py

check-lit: build
	@cd $(BUILD) && ctest --output-on-failure --label-regex lit

check-unit: build
	@cd $(BUILD) && ctest --output-on-failure --parallel $(JOBS) --label-exclude lit

check-python: build
	@$(PYTHON_BIN)/python -m pytest -q

check-asan: build-asan
	@cd $(ASAN) && ctest --output-on-failure --parallel $(JOBS)

wheel: setup-python
	@bash scripts/build-wheel.sh

check-wheel: wheel
	@$(PYTHON_BIN)/python scripts/check_wheel.py

# Not part of check: the suite inside needs a GPU, and the module's build takes a minute and a half.
gpu-bundle: setup-python
	@$(PYTHON_BIN)/python scripts/gpu_bundle.py

check-gpu-bundle: gpu-bundle
	@$(PYTHON_BIN)/python scripts/check_gpu_bundle.py

# ---- the rest

# Not part of check, which replays the kept corpus: SECONDS for each target.
fuzz: setup-python $(FUZZ)/build.ninja
	@cmake --build $(FUZZ) --target PatternFuzzer PlanFileFuzzer CacheEntryFuzzer
	@$(PYTHON_BIN)/python scripts/fuzz.py $(FUZZ) --seconds $(or $(SECONDS),600)

$(FUZZ)/build.ninja:
	@cmake --preset fuzz

bench: build
	@$(PYTHON_BIN)/python -m benchmarks $(ONLY)

format: setup-python
	@$(PYTHON_BIN)/python scripts/lint.py --fix

docs: build
	@cmake --build $(BUILD) --target falloff-docs
	@$(PYTHON_BIN)/python scripts/radial_rules.py

clean:
	rm -rf build dist

distclean: clean
	rm -rf .venv demo-output

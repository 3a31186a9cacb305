# SPDX-License-Identifier: Apache-2.0
"""How lit finds and runs the tests of this folder; each says in its RUN lines what it checks."""

# lit gives `config` and `lit_config` to the file.
# ruff: noqa: F821

import os
import sys

import lit.formats

config.name = "falloff"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "python", "unit", "golden"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.falloff_test_dir

config.environment["PATH"] = os.pathsep.join(
    [config.falloff_tools_dir, config.llvm_tools_dir, config.environment["PATH"]]
)
# lit hides the caller's environment; options of a sanitizer are meant for the tools.
for name in ("ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
if config.sanitizers:
    config.available_features.add("sanitizers")

config.substitutions.append(("%patterns", os.path.join(config.falloff_source_dir, "patterns")))
config.substitutions.append(("%python", config.python or sys.executable))
# The command, where its extension module was built.
if config.falloff_python:
    config.available_features.add("python")
    config.environment["PYTHONPATH"] = os.path.join(config.falloff_source_dir, "python")
    config.environment["FALLOFF_DISABLE_CACHE"] = "1"
    python = config.python or sys.executable
    config.substitutions.append(("%falloff", f"{python} -m falloff"))

# SPDX-License-Identifier: Apache-2.0
"""Whole attention operations on a GPU beside torch's; `python -m benchmarks.gpu` runs them."""

# SPDX-License-Identifier: Apache-2.0
"""Every figure that the README quotes, one module each; `python -m benchmarks` runs them."""

# SPDX-License-Identifier: Apache-2.0
"""A real job for attention masks: a noisy video denoised by non-local means, which is attention.

`python -m falloff.demo [VIDEO]` (or `make demo`) runs it dense, radial and windowed and prints what
each costs and gives. Reads: `video` (files in and out), `nonlocal_means` (the job as q, k and v),
`quality` (PSNR, SSIM), `reference` (the same attention in float64), `report` (table, pictures).
"""

# SPDX-License-Identifier: Apache-2.0
"""``python -m falloff`` is the command ``falloff``."""

import sys

from falloff.cli import main

sys.exit(main())

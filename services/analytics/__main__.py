"""python -m services.analytics: the service."""

from __future__ import annotations

import sys

from services.analytics.main import main

sys.exit(main())

"""python -m services.auth: the service."""

from __future__ import annotations

import sys

from services.auth.main import main

sys.exit(main())

"""`python -m services.payments`: the payments process."""

from __future__ import annotations

import sys

from services.payments.main import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m services.social`: the social process."""

from __future__ import annotations

import sys

from services.social.main import main

if __name__ == "__main__":
    sys.exit(main())

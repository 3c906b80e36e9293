"""`python -m services.social`: the social process."""

from __future__ import annotations

import sys

from services.chassis.lifecycle import run_until_signalled
from services.social.main import main

if __name__ == "__main__":
    sys.exit(run_until_signalled(main))

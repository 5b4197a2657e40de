"""``python -m zorse.cli``."""

import sys

from zorse.cli import main

sys.exit(main())

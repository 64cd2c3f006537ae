"""python -m mae_lite."""

import sys

from mae_lite.cli import main

sys.exit(main())

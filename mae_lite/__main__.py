"""python -m mae_lite."""

import sys

from mae_lite.cli.main import main

sys.exit(main())

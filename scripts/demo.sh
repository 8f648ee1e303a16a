#!/usr/bin/env bash
# The main job, where it can do no harm: KUDO's allowlist on this machine inside a throw-away namespace.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

as_root true || fail "the demo makes a throw-away network namespace, which needs root. Type: sudo make demo"
as_root tests/support/sandbox -- .venv/bin/python scripts/demo.py

#!/usr/bin/env bash
# Makes .venv/ with exactly the libraries of requirements.lock, and the package itself in editable form.
# Can be run again at any time: it repairs what a broken run left behind. `setup.sh tools` makes uv alone.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
uv_version=0.13.9
say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "no '$python' here: install Python 3.11 and its venv module, or call make with PYTHON=…"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' ||
  fail "Python 3.11 to 3.13 is needed and '$python' is $("$python" -V): call make with PYTHON=python3.11"

# uv, the installer, in a small environment of its own (about 60 MB)
if [ "$(.tools/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$uv_version" ]; then
  say "1/3 the installer (uv $uv_version, 60 MB)"
  rm -rf .tools
  "$python" -m venv .tools || fail "'$python -m venv' failed: on Debian and Ubuntu, apt install python3-venv"
  .tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
fi
[ "${1:-}" = tools ] && exit 0

start=$SECONDS
free=$(($(df -Pk . | awk 'NR==2 {print $4}') / 1048576))
[ "$free" -ge 8 ] || say "careful: $free GB are free here, and the libraries need about 6 GB (on Linux; 1.5 GB on macOS)"
say "2/3 the libraries of requirements.lock: about 6 GB on Linux (torch with CUDA), 1.5 GB on macOS;"
say "    20 s to 2 min on a fast line the first time, seconds after that"
.venv/bin/python -c '' 2>/dev/null || .tools/bin/uv venv --quiet --clear --python "$python" .venv
.tools/bin/uv pip sync --python .venv/bin/python --require-hashes requirements.lock

say "3/3 lecturekit itself, in editable form"
.tools/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
touch .venv/.ready
say "done in $((SECONDS - start)) s, $(du -sh .venv | cut -f1) in .venv/"

# Shared by the scripts beside it. Sourced, never run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Says what is wrong and stops.
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Runs a command as root: as it is when we are root, by sudo otherwise.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else
    command -v sudo >/dev/null || fail "Run this as root or install sudo: it needs to install Debian packages."
    sudo "$@"
  fi
}

# Prints those of its arguments that are not installed as Debian packages.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || printf '%s\n' "$package"
  done
}

# Installs what is missing of the given Debian packages, and asks the network nothing when nothing is.
need_packages() {
  command -v dpkg >/dev/null || fail "The set-up knows Debian 12 only. Elsewhere install the like of: $*"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  printf 'Installing %s\n' "${missing[*]}"
  as_root apt-get -o DPkg::Lock::Timeout=400 -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=400 -qq -y --no-install-recommends \
    install "${missing[@]}" >/dev/null
}

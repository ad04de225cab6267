# shellcheck shell=bash
# Where intelligenced is built: natively on a system that has the packages of
# debian-packages.txt, else in a Debian 14 root in the user's cache.
# Sourced by ./dev, which sets `top` (the checkout) and `say` (progress lines).

cache_dir="${XDG_CACHE_HOME:-$HOME/.cache}/intelligenced"
packages_file="$top/packaging/environment/debian-packages.txt"
debian_suite=forky

# The package names of packages_file, comments and blank lines left out.
environment_packages() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$packages_file"; }

# True when this system itself is the environment (also true inside the root).
environment_is_native() {
  [ "${INTELLIGENCED_ENVIRONMENT:-}" = root ] && return 1
  [ "${INTELLIGENCED_ENVIRONMENT:-}" = native ] && return 0
  case "$(uname -s)" in
    Darwin) return 0 ;;
    Linux) ;;
    *) return 1 ;;
  esac
  command -v dpkg-query >/dev/null || return 1
  grep -q "^VERSION_CODENAME=$debian_suite" /etc/os-release 2>/dev/null || return 1
  local missing
  missing=$(missing_packages)
  if [ -n "$missing" ] && [ "$(id -u)" != 0 ]; then
    say "This system is Debian 14 and lacks: $missing"
    say "Install them to build natively; building in a private root instead."
  elif [ -n "$missing" ]; then
    say "Installing missing packages: $missing"
    # shellcheck disable=SC2086
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null || return 1
    missing=""
  fi
  [ -z "$missing" ]
}

missing_packages() {
  local name
  for name in $(environment_packages); do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$name"
  done
}

# Makes sure mmdebstrap and bubblewrap are here, or says what to install.
require_root_tools() {
  local missing=()
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  command -v bwrap >/dev/null || missing+=(bubblewrap)
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing ${missing[*]}"
    if apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then
      return 0
    fi
  fi
  echo "dev: this needs ${missing[*]}. Install them with your package manager (for example: sudo apt-get install ${missing[*]}) and run the command again." >&2
  return 1
}

# Prints the mirror that the host's own apt uses for its main archive; nothing
# when the host is no Debian, and mmdebstrap then takes its own default.
# INTELLIGENCED_MIRROR overrides.
host_mirror() {
  if [ -n "${INTELLIGENCED_MIRROR:-}" ]; then
    echo "$INTELLIGENCED_MIRROR"
    return
  fi
  command -v apt-get >/dev/null || return 0
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(SITE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && $2 == "Debian" { print $4; exit }'
}

# Sets root_dir; makes the root there on the first call.
ensure_root() {
  local key
  key=$( (environment_packages; echo "$debian_suite") | sha256sum | cut -c1-12)
  root_dir="$cache_dir/root-$debian_suite-$key"
  [ -e "$root_dir.ready" ] && return 0
  require_root_tools || return 1
  mkdir -p "$cache_dir"
  exec 9>"$root_dir.lock"
  flock 9
  if [ ! -e "$root_dir.ready" ]; then
    local log="$root_dir.log" mirror check include
    mirror=$(host_mirror)
    check=$(apt-config dump Acquire::Check-Valid-Until 2>/dev/null | sed -n 's/.*"\(.*\)".*/\1/p')
    include=$(environment_packages | paste -sd,)
    say "Making a Debian 14 root with $(environment_packages | wc -l) packages and what they need (about two minutes; log: $log)"
    remove_root "$root_dir"
    local options=(--variant=apt "--include=ca-certificates,$include"
      --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*'
      --dpkgopt='path-include=/usr/share/doc/*/copyright')
    [ "$(id -u)" = 0 ] && options+=(--mode=root)
    [ -n "$check" ] && options+=(--aptopt="Acquire::Check-Valid-Until \"$check\"")
    if ! run_with_progress "$log" mmdebstrap "${options[@]}" "$debian_suite" "$root_dir" ${mirror:+"$mirror"}; then
      tail -n 15 "$log" >&2
      echo "dev: the root could not be made; the whole log is $log" >&2
      remove_root "$root_dir"
      return 1
    fi
    touch "$root_dir.ready"
  fi
  flock -u 9
  exec 9>&-
}

# A root made by an ordinary user holds files of its sub-uids.
remove_root() {
  [ -e "$1" ] || return 0
  if [ "$(id -u)" = 0 ]; then rm -rf --one-file-system "$1"; else unshare --map-auto --map-root-user rm -rf --one-file-system "$1"; fi
}

# Runs a command with its output in a log; on a terminal shows a running clock.
run_with_progress() {
  local log=$1 start=$SECONDS pid status=0
  shift
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    if [ -t 2 ]; then printf '\r  %3d s  %-60.60s' $((SECONDS - start)) "$(tail -n 1 "$log" | tr -d '\r')" >&2; fi
    sleep 0.5
  done
  wait "$pid" || status=$?
  [ -t 2 ] && printf '\r\033[K' >&2
  return $status
}

# Prints the files that the host's own settings name as certificates to trust, the system's first.
host_certificates() {
  local file
  for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem \
    "${SSL_CERT_FILE:-}" "${NODE_EXTRA_CA_CERTS:-}" "${CURL_CA_BUNDLE:-}" "${REQUESTS_CA_BUNDLE:-}" \
    "${NPM_CONFIG_CAFILE:-${npm_config_cafile:-}}" "$(sed -n 's/^cafile *= *//p' "$HOME/.npmrc" 2>/dev/null | tail -n 1)"; do
    if [ -n "$file" ] && [ -f "$file" ] && [ -r "$file" ]; then readlink -f "$file"; fi
  done | awk '!seen[$0]++'
}

# Sets trust_options: what the host trusts counts in the root too, so that a download goes through
# there where it does here. One bundle of all, at the place where Debian's programs look.
trust_from_host() {
  trust_options=()
  local place=/etc/ssl/certs/ca-certificates.crt bundle="$cache_dir/certificates.pem" files file name
  [ -f "$root_dir$place" ] || return 0
  files=$(host_certificates)
  [ -n "$files" ] || return 0
  local stale=0
  [ "$(cat "$bundle.from" 2>/dev/null)" = "$files" ] || stale=1
  while IFS= read -r file; do [ "$bundle" -nt "$file" ] || stale=1; done <<<"$files"
  if [ "$stale" = 1 ]; then
    while IFS= read -r file; do cat "$file" && echo; done <<<"$files" >"$bundle.$$" && mv "$bundle.$$" "$bundle"
    printf '%s\n' "$files" >"$bundle.from"
  fi
  trust_options+=(--ro-bind "$bundle" "$place" --setenv NODE_EXTRA_CA_CERTS "$place" --unsetenv SSL_CERT_DIR)
  for name in SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE GIT_SSL_CAINFO PIP_CERT NPM_CONFIG_CAFILE npm_config_cafile; do
    if [ -n "${!name:-}" ]; then trust_options+=(--setenv "$name" "$place"); fi
  done
  # npm's settings for the whole system are in a folder of the root's own.
  for file in /etc/npmrc /usr/etc/npmrc /usr/local/etc/npmrc; do
    if [ -f "$file" ] && [ -r "$file" ]; then
      trust_options+=(--ro-bind "$file" /run/npmrc --setenv NPM_CONFIG_GLOBALCONFIG /run/npmrc)
      break
    fi
  done
  return 0
}

# Runs a command in the environment, in the current folder. environment_path: a folder put first on
# the path. environment_outlives_caller: the command may go on when the calling shell ends.
in_environment() {
  local path="${environment_path:+$environment_path:}/usr/lib/ccache:/usr/local/bin:/usr/bin:/usr/sbin:/bin"
  if environment_is_native; then
    PATH="${environment_path:+$environment_path:}$PATH" "$@"
    return
  fi
  ensure_root || return 1
  # The system's folders come from the root, all others from the host, at the same paths.
  local options=(--dev-bind /dev /dev --bind /proc /proc --ro-bind /sys /sys --tmpfs /run) folder
  for folder in bin etc lib lib32 lib64 libx32 opt sbin usr var; do
    if [ -L "$root_dir/$folder" ]; then
      options+=(--symlink "$(readlink "$root_dir/$folder")" "/$folder")
    elif [ -d "$root_dir/$folder" ]; then
      options+=(--bind "$root_dir/$folder" "/$folder")
    fi
  done
  for folder in /*; do
    case "$folder" in
      /bin | /boot | /dev | /etc | /lib* | /proc | /run | /sbin | /sys | /usr | /var | /opt | /lost+found) ;;
      *) [ -d "$folder" ] && [ ! -L "$folder" ] && options+=(--bind "$folder" "$folder") ;;
    esac
  done
  if [ -n "${XDG_RUNTIME_DIR:-}" ] && [ -d "$XDG_RUNTIME_DIR" ]; then options+=(--bind "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR"); fi
  [ -e /etc/resolv.conf ] && options+=(--ro-bind-try "$(readlink -f /etc/resolv.conf)" /etc/resolv.conf)
  [ "$(id -u)" != 0 ] && options+=(--ro-bind-try /etc/passwd /etc/passwd --ro-bind-try /etc/group /etc/group)
  [ -z "${environment_outlives_caller:-}" ] && options+=(--die-with-parent)
  local trust_options
  trust_from_host
  bwrap "${options[@]}" "${trust_options[@]}" --chdir "$PWD" --setenv INTELLIGENCED_ENVIRONMENT native --setenv PATH "$path" \
    --unsetenv LD_LIBRARY_PATH --unsetenv LD_PRELOAD "$@"
}

# shellcheck shell=bash
# A daemon of the checkout's own, apart from any installed one: its socket and store are in the
# user's cache. Sourced by ./dev.

private_key=$(printf '%s' "$top" | sha256sum | cut -c1-8)
private_dir="$cache_dir/private-$private_key"
private_socket="$private_dir/run/intelligenced.sock"

daemon_is_running() {
  [ -S "$private_socket" ] && [ -e "$private_dir/pid" ] && kill -0 "$(cat "$private_dir/pid")" 2>/dev/null
}

# start_daemon: returns when it serves.
start_daemon() {
  daemon_is_running && return 0
  mkdir -p "$private_dir/run" "$private_dir/store"
  chmod 700 "$private_dir/run"
  local binaries="$top/build/release/bin"
  # Not tied to this shell: `./dev run --keep` leaves it running.
  environment_outlives_caller=1 in_environment setsid bash -c \
    'echo $$ >"$1/pid"; exec "$2/intelligenced" --socket "$3" --store "$1/store" >>"$1/daemon.log" 2>&1 </dev/null' \
    daemon "$private_dir" "$binaries" "$private_socket" </dev/null >/dev/null 2>&1 &
  local deadline=$((SECONDS + 15))
  until in_environment env INTELLIGENCED_SOCKET="$private_socket" "$binaries/mlctl" --quiet status >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      tail -n 15 "$private_dir/daemon.log" >&2
      die "the daemon did not start; its log is $private_dir/daemon.log"
    fi
    sleep 0.1
  done
}

stop_daemon() {
  daemon_is_running || return 0
  local pid
  pid=$(cat "$private_dir/pid")
  kill -TERM "$pid" 2>/dev/null || true
  local deadline=$((SECONDS + 20))
  while kill -0 "$pid" 2>/dev/null; do
    [ $SECONDS -ge $deadline ] && kill -KILL "$pid" 2>/dev/null
    sleep 0.05
  done
  rm -f "$private_dir/pid"
}

# with_private_daemon MODE CMD…: runs CMD with a daemon (MODE daemon) or only with the paths set
# (MODE none). A daemon that was not running before is stopped afterwards.
with_private_daemon() {
  local mode=$1 started=0 status=0
  shift
  export INTELLIGENCED_SOCKET="$private_socket"
  if [ "$mode" = daemon ] && ! daemon_is_running; then
    start_daemon
    started=1
    trap stop_daemon EXIT
  fi
  environment_path="$top/build/release/bin" "$@" || status=$?
  [ "$started" = 1 ] && { stop_daemon; trap - EXIT; }
  return $status
}

command_exec() {
  [ $# -gt 0 ] || die "exec needs a command, for example: ./dev exec mlctl status"
  local folder=$PWD
  build release product >/dev/null
  cd "$folder"
  with_private_daemon daemon in_environment "$@"
}

command_run() {
  local keep=0
  case "${1:-}" in
    --keep) keep=1 ;;
    "") ;;
    *) die "unknown option '$1'; see ./dev help" ;;
  esac
  build release product
  local started=0 status=0
  daemon_is_running || started=1
  start_daemon
  [ "$started" = 1 ] && [ "$keep" = 0 ] && trap stop_daemon EXIT
  export INTELLIGENCED_SOCKET="$private_socket"
  environment_path="$top/build/release/bin" in_environment bash "$top/packaging/tour/tour.sh" "$top" "$(cat "$private_dir/pid")" || status=$?
  if [ "$keep" = 1 ]; then
    say "The daemon goes on; talk to it with ./dev exec mlctl …, end it with ./dev stop"
  elif [ "$started" = 1 ]; then
    stop_daemon
    trap - EXIT
  fi
  return $status
}

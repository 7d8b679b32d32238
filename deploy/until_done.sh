#!/usr/bin/env bash
# Runs a command, and runs it again for as long as it ends with exit status 75,
# by which fsr_jax says that a run was left and the same command continues it:
#
#   deploy/until_done.sh python main.py --config=FILE --workdir=DIR
#
# Every other exit status ends the loop and is passed on: 0 when the run is
# done, 1 for wrong input. A SIGTERM, SIGINT or SIGHUP that this script gets
# says that the machine is about to go: the command gets one SIGTERM, saves,
# and is not started again. The script then ends with the command's status, 75.
set -u
child= leaving= interrupted=

leave() {
  interrupted=yes
  if [[ -z $leaving ]]; then
    leaving=yes
    [[ -z $child ]] || kill -TERM "$child" 2>/dev/null
  fi
}
trap leave TERM INT HUP

while true; do
  [[ -z $leaving ]] || exit 75
  "$@" &
  child=$!
  [[ -z $leaving ]] || kill -TERM "$child" 2>/dev/null
  # A signal ends `wait` before the command has ended; 127 is what `wait` says
  # of a command whose status it has already told.
  status=127
  while true; do
    interrupted=
    wait "$child"
    code=$?
    [[ $code -eq 127 ]] || status=$code
    [[ -n $interrupted ]] || break
  done
  child=
  if [[ $status -ne 75 || -n $leaving ]]; then
    exit "$status"
  fi
  echo "until_done.sh: exit status 75, the command is started again" >&2
  # Long enough that what always fails at once does not fill the log.
  sleep "${RESTART_SECONDS:-10}"
done

# Runs a PostgreSQL server for as long as standard input stays open, then leaves nothing behind.
#   sh supervisor.sh FOLDER BIN [ARGUMENT OF postgres]...
# Standard input is a pipe from the process that started it: the kernel closes it however that process ends, SIGKILL included.
folder=$1 bin=$2
shift 2
exec 3<&0 >"$folder/log" 2>&1
if "$bin/initdb" -N -A trust -U postgres -E UTF8 --locale=C.UTF-8 -D "$folder/data"; then
  "$bin/postgres" -D "$folder/data" -k "$folder" "$@" &
  server=$!
  {
    cat <&3 >/dev/null
    # QUIT stops a running server at once; one that is still starting up ignores it, but dies of TERM.
    [ -e "$folder/stopped" ] || { kill -TERM "$server"; kill -QUIT "$server"; }
  } &
  wait "$server"
fi
# Tells a process that still waits for the server, and leaves it the time to read the log.
: >"$folder/stopped"
cat <&3 >/dev/null
rm -rf "$folder"

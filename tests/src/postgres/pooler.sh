# Runs PgBouncer for as long as standard input stays open, then leaves nothing behind.
#   sh pooler.sh FOLDER BINARY
# Standard input is a pipe from the test process: the kernel closes it however that process ends, SIGKILL included.
folder=$1 binary=$2
exec 3<&0 >"$folder/log" 2>&1
"$binary" "$folder/pgbouncer.ini" &
pooler=$!
{
  cat <&3 >/dev/null
  kill -TERM "$pooler"
} &
wait "$pooler"
# Tells a test process that still waits for it, and leaves it the time to read the log.
: >"$folder/stopped"
cat <&3 >/dev/null
rm -rf "$folder"

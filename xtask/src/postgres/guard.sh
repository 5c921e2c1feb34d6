# Runs a private PostgreSQL server until standard input ends, then stops it and removes its files.
# $1 is the folder of the server's programs, $2 the folder of the server's files.
#
# Standard input is a pipe from xtask, so it ends whenever xtask exits, even if xtask is killed. The guard ignores the
# signals that a terminal sends to the process group. The server is a child process, so that the guard can wait for
# it; `pg_ctl` would start it as a daemon.
trap '' HUP INT TERM

create() {
    "$1/initdb" --pgdata="$2/data" --username=postgres --pwfile="$2/password" --auth=password \
        --encoding=UTF8 --no-locale --no-sync &&
        cat "$2/settings" >>"$2/data/postgresql.conf"
}

# The pid file shows when the server is ready; the timeout is one minute.
start() {
    "$1/postgres" -D "$2/data" </dev/null &
    server=$!
    attempts=600
    until grep -qs '^ready' "$2/data/postmaster.pid"; do
        attempts=$((attempts - 1))
        [ "$attempts" -gt 0 ] && kill -0 "$server" 2>/dev/null || return 1
        sleep 0.1
    done
}

if create "$1" "$2" >"$2/log" 2>&1 && start "$1" "$2" >>"$2/log" 2>&1; then
    echo ready
    read -r _
else
    cat "$2/log" >&2
fi
[ -f "$2/data/postmaster.pid" ] && "$1/pg_ctl" stop --pgdata="$2/data" --mode=immediate --silent
wait
cd / && rm -rf "$2"

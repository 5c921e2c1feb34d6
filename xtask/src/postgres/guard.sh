# Runs a private PostgreSQL server and stands guard over it until standard input ends.
# $1 is the folder of the server's programs, $2 the folder that server and guard live in and take along.
#
# Standard input is a pipe whose other end xtask holds, so it ends however xtask ends, even killed. The guard itself
# ignores the signals that a terminal sends to everyone. The server is its child, so that it can be waited for:
# started by `pg_ctl` it would be nobody's.
trap '' HUP INT TERM

create() {
    "$1/initdb" --pgdata="$2/data" --username=postgres --pwfile="$2/password" --auth=password \
        --encoding=UTF8 --no-locale --no-sync &&
        cat "$2/settings" >>"$2/data/postgresql.conf"
}

# The server says in its pid file when it is ready; a minute is given.
start() {
    "$1/postgres" -D "$2/data" </dev/null &
    server=$!
    patience=600
    until grep -qs '^ready' "$2/data/postmaster.pid"; do
        patience=$((patience - 1))
        [ "$patience" -gt 0 ] && kill -0 "$server" 2>/dev/null || return 1
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

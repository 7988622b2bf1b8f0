// Daemons without systemd, each as a user of its own: each is started, asked something, and stopped.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { hostView, lacks, said } from "../../support/host-view.ts";

const view = hostView();

/** Runs words as a user of the root's /etc/passwd, as the entry points of images do. */
const AS = `as() { local user=$1; shift; setpriv --reuid="$user" --regid="$user" --clear-groups env HOME=/tmp "$@"; }`;

/** Where Debian keeps postgres; its programs are not on the PATH. */
const POSTGRES = "/usr/lib/postgresql";
const versions = existsSync(POSTGRES) ? readdirSync(POSTGRES).sort((a, b) => Number(a) - Number(b)) : [];
const postgres = `${POSTGRES}/${versions.at(-1)}/bin`;

describe("in a default container", () => {
  test.skipIf(lacks("nginx", "curl") !== "")("nginx serves, its workers as www-data", async () => {
    view.put(
      "srv/nginx.conf",
      `user www-data; worker_processes 2; pid /tmp/nginx.pid; error_log /tmp/error.log;
events {} http { access_log off; server { listen 80; location / { root /srv/www; } } }`,
    );
    view.put("srv/www/index.html", "page\n");
    const { status, stdout } = await view.run(`
mkdir -p /var/lib/nginx /var/log/nginx
nginx -c /srv/nginx.conf
curl -sS http://localhost/
until [ "$(ps -o user= -C nginx | grep -c www-data)" = 2 ]; do sleep 0.02; done
ps -o user= -C nginx | sort | uniq -c | tr -s ' '
nginx -c /srv/nginx.conf -s quit
while [ -e nginx.pid ]; do sleep 0.02; done
cat error.log | grep -v notice || true`);
    expect([status, stdout]).toEqual([0, "page\n 1 root\n 2 www-data\n"]);
  });

  test.skipIf(lacks("redis-server", "redis-cli") !== "")(
    "redis keeps a value, forks to save it, and stops",
    async () => {
      const { status, stdout } = await view.run(`${AS}
as redis redis-server --daemonize yes --dir /tmp --logfile /tmp/redis.log --pidfile /tmp/redis.pid >/dev/null
until redis-cli ping 2>/dev/null | grep -q PONG; do kill -0 $(pidof redis-server); sleep 0.02; done
redis-cli set key 41; redis-cli incr key; redis-cli save
ps -o user= -C redis-server
redis-cli shutdown; ls dump.rdb; tail -1 redis.log | grep -o 'ready to exit'`);
      expect([status, stdout]).toEqual([0, "OK\n42\nOK\nredis\ndump.rdb\nready to exit\n"]);
    },
  );

  test.skipIf(lacks(`${postgres}/initdb`, `${postgres}/psql`) !== "")(
    "postgres makes a cluster, answers by both ways, and stops",
    async () => {
      expect(
        await view.run(`${AS}
mkdir /var/lib/data; chown postgres: /var/lib/data
as postgres ${postgres}/initdb -D /var/lib/data -N -A trust >init.log
as postgres ${postgres}/pg_ctl -D /var/lib/data -w -l /tmp/log -o '-k /tmp' start | tail -1
sql() { as postgres ${postgres}/psql -d postgres -Atc "$@"; }
sql 'create table t as select generate_series(1, 1000) i; set max_parallel_workers_per_gather = 2; select sum(i) from t' -h /tmp
sql 'select length(gen_random_uuid()::text)' -h localhost
ps -o user= -C postgres | sort -u
as postgres ${postgres}/pg_ctl -D /var/lib/data -m fast stop | tail -1
grep -E 'WARNING|ERROR|FATAL' log || true`),
      ).toEqual(said("server started\nSELECT 1000\nSET\n500500\n36\npostgres\nserver stopped\n"));
    },
  );
});

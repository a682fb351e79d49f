"""What PostgreSQL alone takes for "next" and "submit": pgbench, prepared statements, two durable transactions a pair.

The tables are the least that can say it: no project, no guideline, no draft, no counters, no notice to a worker. `next`
is a seat cursor: the rater's row locked, the next open comparison past it with SKIP LOCKED, a lease written, its texts
read. `submit` ends the lease and writes the judgment. On the same server as the site, with fsync on.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks.rating.machine import Postgres

NAME = "floor"
SCHEMA = """
CREATE TABLE seat (rater int PRIMARY KEY, cur bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE response (id bigint PRIMARY KEY, text text NOT NULL);
CREATE TABLE comparison (id bigint PRIMARY KEY, a bigint NOT NULL, b bigint NOT NULL,
    open_slots smallint NOT NULL DEFAULT 3, is_open boolean NOT NULL DEFAULT true) WITH (fillfactor = 80);
CREATE TABLE assignment (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, comparison bigint NOT NULL,
    rater int NOT NULL, state smallint NOT NULL DEFAULT 0, expires_at timestamptz NOT NULL) WITH (fillfactor = 80);
CREATE TABLE judgment (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, assignment bigint NOT NULL,
    comparison bigint NOT NULL, rater int NOT NULL, choice smallint NOT NULL, at timestamptz NOT NULL DEFAULT now());
INSERT INTO response SELECT g, repeat(md5(g::text), 62) FROM generate_series(0, 19999) g;
INSERT INTO comparison (id, a, b) SELECT g, g % 20000, (g + 1) % 20000 FROM generate_series(1, {comparisons}) g;
INSERT INTO seat SELECT g, g::bigint * 7919 % ({comparisons} * 9 / 10) FROM generate_series(1, {raters}) g;
CREATE INDEX ON comparison (id) WHERE is_open;
CREATE UNIQUE INDEX ON assignment (rater, comparison);
CREATE INDEX ON judgment (comparison);
VACUUM ANALYZE;
"""
PAIR = """
\\set rater random(1, {raters})
WITH me AS MATERIALIZED (
    SELECT cur FROM seat WHERE rater = :rater FOR UPDATE
), pick AS MATERIALIZED (
    SELECT id FROM comparison c WHERE is_open AND id > (SELECT cur FROM me)
      AND NOT EXISTS (SELECT 1 FROM assignment a WHERE a.comparison = c.id AND a.rater = :rater)
    ORDER BY id LIMIT 1 FOR UPDATE OF c SKIP LOCKED
), taken AS (
    UPDATE comparison c SET open_slots = open_slots - 1, is_open = open_slots > 1 FROM pick WHERE c.id = pick.id
    RETURNING c.id, c.a, c.b
), lent AS (
    INSERT INTO assignment (comparison, rater, expires_at) SELECT id, :rater, now() + interval '10 min' FROM taken
    RETURNING id, comparison
), moved AS (
    UPDATE seat SET cur = lent.comparison FROM lent WHERE rater = :rater
)
SELECT lent.id AS lease, a.text AS left_text, b.text AS right_text
FROM lent, taken JOIN response a ON a.id = taken.a JOIN response b ON b.id = taken.b \\gset
WITH done AS (
    UPDATE assignment SET state = 1 WHERE id = :lease AND rater = :rater AND state = 0 AND expires_at > now()
    RETURNING id, comparison
)
INSERT INTO judgment (assignment, comparison, rater, choice) SELECT id, comparison, :rater, 1 FROM done RETURNING id;
"""


def make(postgres: Postgres, *, comparisons: int, raters: int) -> None:
    """A database of its own with the pool: no cursor so near its end that a rater would come to it."""
    postgres.run(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    postgres.run(f"CREATE DATABASE {NAME}")
    for statement in SCHEMA.format(comparisons=comparisons, raters=raters).split(";\n"):
        if statement.strip():
            postgres.run(statement, name=NAME)


def pairs_per_second(postgres: Postgres, var: Path, *, clients: int, pairs: int, raters: int) -> float:
    """Pairs a second of so many clients, each `pairs` times, connections made beforehand."""
    script = var / "pair.sql"
    script.write_text(PAIR.format(raters=raters))
    to = urlsplit(postgres.at(NAME))
    command = [str(postgres.programs / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={script}"]
    command += [f"--client={clients}", f"--transactions={pairs}", f"--host={to.hostname}", f"--port={to.port}"]
    done = subprocess.run(
        [*command, f"--username={to.username}", NAME],
        env={"PGPASSWORD": unquote(to.password or ""), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    found = re.search(r"^tps = ([\d.]+) \(without", done.stdout, re.MULTILINE)
    if done.returncode or found is None:
        raise SystemExit(f"pgbench failed: {done.stdout[-500:]}")
    return float(found[1])

"""
What PostgreSQL keeps, and what it does in one atomic step, in PL/pgSQL.

Everything is in one schema (`apistar`, unless the URL names another), which is the namespace of an application:

| table | holds |
|---|---|
| `topics` | the position of each topic: epoch, and offset and tag of the newest publication; how many members it has |
| `log` | the newest publications of topics with a history, each with its tag and that of the one before |
| `keys` | the position that a publication with an idempotency key has got |
| `seats` | who is present, once for each process, until when |
| `meta` | one row: the version of the schema, and when it was last tidied |

Each call is one transaction. Whoever changes a topic holds its row in `topics` until the commit, so that offsets are
given in the order of the commits, which is the order in which PostgreSQL delivers notifications. Calls of a round are
sorted by topic, so that two rounds never wait for each other in a circle.

Tables are logged: what `publish()` returned outlives a crash, as far as `fsync` says. Unlogged ones would be faster,
and empty after each crash. Time is that of PostgreSQL, so that processes need not agree on theirs. Rows that have run
out are never given out; whoever comes by after `TIDY_EVERY_S` deletes them, in steps, until none is left.

Topics, members and keys are `bytea`: any text, in a database of any encoding.

Sources: PostgreSQL's documentation of NOTIFY, of INSERT … ON CONFLICT, of explicit locking and of HOT updates.
"""

from __future__ import annotations

import hashlib
from typing import Final

VERSION: Final = 2
"""Of what is below. Raise it with each change: the tables of another version are not touched."""

PART_BYTES: Final = 5850
"""Of a payload in one notification, which PostgreSQL limits to 7,999 bytes; in base64 these are 7,800."""

TIDY_EVERY_S: Final = 60.0

TIDY_ROWS: Final = 2000
"""Of each table in one step, so that a step takes some ten milliseconds: whoever called meanwhile waits for it."""


def channel_of(schema: str, topic: str) -> str:
    """The channel of a topic: a digest, for a channel's name has at most 63 bytes. SQL makes the same one."""
    return "apistar_" + hashlib.sha256(f"{schema}:{topic}".encode()).hexdigest()[:40]


def definition(schema: str) -> str:
    """The statements that make the schema's contents; the schema is there and empty."""
    return _DEFINITION.replace("{schema}", f'"{schema}"').replace("{name}", schema)


_DEFINITION: Final = (
    """
CREATE TABLE {schema}.topics (
    topic bytea PRIMARY KEY,
    epoch text NOT NULL,
    "offset" bigint NOT NULL,
    tag text NOT NULL DEFAULT '',
    before text NOT NULL DEFAULT '',
    members integer NOT NULL DEFAULT 0,
    expires timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE {schema}.log (
    topic bytea,
    "offset" bigint,
    made timestamptz NOT NULL,
    expires timestamptz NOT NULL,
    tag text NOT NULL,
    before text NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (topic, "offset")
);
CREATE INDEX log_expires ON {schema}.log (expires);

CREATE TABLE {schema}.keys (
    topic bytea,
    key bytea,
    epoch text,
    "offset" bigint,
    tag text,
    expires timestamptz NOT NULL,
    PRIMARY KEY (topic, key)
);
CREATE INDEX keys_expires ON {schema}.keys (expires);

CREATE TABLE {schema}.seats (
    topic bytea,
    member bytea,
    seat bytea,
    ends timestamptz NOT NULL,
    PRIMARY KEY (topic, member, seat)
);
CREATE INDEX seats_ends ON {schema}.seats (topic, ends);

CREATE TABLE {schema}.meta (version integer NOT NULL, tidied timestamptz NOT NULL);

CREATE FUNCTION {schema}.seconds(s float8) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT make_interval(secs => s)
$$;

-- A payload travels in as many notifications as it needs. Those of one transaction are delivered together and in order;
-- what would be the same twice in a transaction may be folded into one, so the call and the part are numbered.
CREATE FUNCTION {schema}.tell(n bigint, t bytea, head text, body bytea, ascii boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    channel text := 'apistar_' || left(encode(sha256('{name}:'::bytea || t), 'hex'), 40);
    parts integer := greatest(1, (length(body) + {part} - 1) / {part});
    part bytea;
BEGIN
    FOR index IN 1..parts LOOP
        part := substring(body FROM (index - 1) * {part} + 1 FOR {part});
        PERFORM pg_notify(channel, concat(
            n, ' ', parts - index, ' ', CASE WHEN ascii THEN 'T ' ELSE 'B ' END, head, E'\\n',
            CASE WHEN ascii THEN convert_from(part, 'UTF8') ELSE encode(part, 'base64') END));
    END LOOP;
END $$;

CREATE FUNCTION {schema}.lock_topic(t bytea, fresh text, ttl float8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM {schema}.topics x WHERE x.topic = t FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO {schema}.topics AS x (topic, epoch, "offset", expires)
        VALUES (t, fresh, 0, clock_timestamp() + {schema}.seconds(ttl))
        ON CONFLICT (topic) DO UPDATE SET expires = greatest(x.expires, excluded.expires);
    END IF;
END $$;

-- Without history: size is null. Without idempotency key: k is null.
CREATE FUNCTION {schema}.publish(
    n bigint, t bytea, payload bytea, ascii boolean, fresh text, size integer, ttl float8, position_ttl float8,
    k bytea, key_ttl float8
) RETURNS TABLE (at_epoch text, at_offset bigint, at_tag text) LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz;
    previous text;
BEGIN
    IF k IS NOT NULL THEN
        PERFORM {schema}.lock_topic(t, fresh, position_ttl);
        SELECT x.epoch, x."offset", x.tag INTO at_epoch, at_offset, at_tag FROM {schema}.keys x
        WHERE x.topic = t AND x.key = k AND x.expires > clock_timestamp();
        IF FOUND THEN
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;
    IF size IS NULL THEN
        PERFORM {schema}.tell(n, t, 'P', payload, ascii);
    ELSE
        -- A standby that is promoted too early gives this offset again, but not this tag. What would be a new epoch is
        -- as random as a tag must be.
        INSERT INTO {schema}.topics AS x (topic, epoch, "offset", tag, expires)
        VALUES (t, fresh, 1, left(fresh, 8), clock_timestamp() + {schema}.seconds(position_ttl))
        ON CONFLICT (topic) DO UPDATE SET "offset" = x."offset" + 1, before = x.tag, tag = excluded.tag,
            expires = greatest(x.expires, excluded.expires)
        RETURNING x.epoch, x."offset", x.tag, x.before INTO at_epoch, at_offset, at_tag, previous;
        now := clock_timestamp();
        IF at_offset = 1 THEN -- what the log may still hold belongs to another epoch
            DELETE FROM {schema}.log x WHERE x.topic = t;
        ELSIF at_offset % greatest(1, size / 8) = 0 THEN
            DELETE FROM {schema}.log x WHERE x.topic = t AND x."offset" <= at_offset - size;
        END IF;
        INSERT INTO {schema}.log (topic, "offset", made, expires, tag, before, payload)
        VALUES (t, at_offset, now, now + {schema}.seconds(ttl), at_tag, previous, payload);
        PERFORM {schema}.tell(n, t, concat_ws(' ', 'H', at_epoch, at_offset, at_tag, previous), payload, ascii);
    END IF;
    IF k IS NOT NULL THEN
        INSERT INTO {schema}.keys AS x (topic, key, epoch, "offset", tag, expires)
        VALUES (t, k, at_epoch, at_offset, at_tag, clock_timestamp() + {schema}.seconds(key_ttl))
        ON CONFLICT (topic, key) DO UPDATE SET
            epoch = excluded.epoch, "offset" = excluded."offset", tag = excluded.tag, expires = excluded.expires;
    END IF;
    RETURN NEXT;
END $$;

-- The time of a position is made longer now and then, not at each look: most reads write nothing.
CREATE FUNCTION {schema}.read(
    n bigint, t bytea, fresh text, position_ttl float8, since_epoch text, since bigint, size integer, ttl float8
) RETURNS TABLE (
    at_epoch text, at_offset bigint, at_tag text, number bigint, tag text, before text, entry bytea
) LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := clock_timestamp();
BEGIN
    PERFORM FROM {schema}.topics x WHERE x.topic = t AND x.expires > now + {schema}.seconds(position_ttl);
    IF NOT FOUND THEN
        INSERT INTO {schema}.topics AS x (topic, epoch, "offset", expires)
        VALUES (t, fresh, 0, now + {schema}.seconds(position_ttl * 1.25))
        ON CONFLICT (topic) DO UPDATE SET expires = greatest(x.expires, excluded.expires);
    END IF;
    RETURN QUERY
        SELECT x.epoch, x."offset", x.tag, l."offset", l.tag, l.before, l.payload FROM {schema}.topics x
        LEFT JOIN {schema}.log l ON l.topic = t AND x.epoch = since_epoch
            AND l."offset" > greatest(since, x."offset" - size) AND l."offset" <= x."offset"
            AND l.made + {schema}.seconds(ttl) > now
        WHERE x.topic = t ORDER BY l."offset";
END $$;

CREATE FUNCTION {schema}.position_of(n bigint, t bytea) RETURNS TABLE (at_epoch text, at_offset bigint, at_tag text)
LANGUAGE sql STABLE AS $$
    SELECT x.epoch, x."offset", x.tag FROM {schema}.topics x WHERE x.topic = t
$$;

-- The topic is locked.
CREATE FUNCTION {schema}.drop_seats(n bigint, t bytea, now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    gone bytea[];
BEGIN
    WITH ended AS (DELETE FROM {schema}.seats x WHERE x.topic = t AND x.ends <= now RETURNING x.member)
    SELECT array_agg(DISTINCT o.member) INTO gone FROM ended o WHERE NOT EXISTS (
        SELECT FROM {schema}.seats y WHERE y.topic = t AND y.member = o.member AND y.ends > now
    );
    IF gone IS NOT NULL THEN
        UPDATE {schema}.topics x SET members = greatest(0, x.members - cardinality(gone)) WHERE x.topic = t;
        PERFORM {schema}.tell(n, t, 'L', g, false) FROM unnest(gone) g;
    END IF;
END $$;

-- Members are written as 'm' and hex digits, with commas between them.
CREATE FUNCTION {schema}.enter(
    n bigint, t bytea, names text, s bytea, ttl float8, most integer, fresh text, position_ttl float8
) RETURNS TABLE (entered boolean) LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz;
    wanted bytea[];
    added bytea[];
BEGIN
    PERFORM {schema}.lock_topic(t, fresh, position_ttl);
    now := clock_timestamp();
    PERFORM {schema}.drop_seats(n, t, now);
    SELECT array_agg(w.member ORDER BY w.place) INTO wanted FROM (
        SELECT decode(substr(m, 2), 'hex') AS member, min(place) AS place
        FROM unnest(string_to_array(names, ',')) WITH ORDINALITY AS a (m, place) GROUP BY m
    ) w;
    added := ARRAY(
        SELECT w FROM unnest(wanted) WITH ORDINALITY AS a (w, place)
        WHERE NOT EXISTS (SELECT FROM {schema}.seats x WHERE x.topic = t AND x.member = w) ORDER BY place
    );
    IF cardinality(added) > 0 THEN
        UPDATE {schema}.topics x SET members = x.members + cardinality(added)
        WHERE x.topic = t AND x.members + cardinality(added) <= most;
        IF NOT FOUND THEN
            entered := false;
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;
    INSERT INTO {schema}.seats AS x (topic, member, seat, ends)
    SELECT t, w, s, now + {schema}.seconds(ttl) FROM unnest(wanted) w
    ON CONFLICT (topic, member, seat) DO UPDATE SET ends = excluded.ends;
    PERFORM {schema}.tell(n, t, 'J', j, false) FROM unnest(added) j;
    entered := true;
    RETURN NEXT;
END $$;

CREATE FUNCTION {schema}.leave(n bigint, t bytea, m bytea, s bytea, grace float8, fresh text, position_ttl float8)
RETURNS TABLE (done boolean) LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz;
BEGIN
    PERFORM FROM {schema}.seats x WHERE x.topic = t AND x.member = m AND x.seat = s;
    done := FOUND;
    IF done THEN
        PERFORM {schema}.lock_topic(t, fresh, position_ttl);
        now := clock_timestamp();
        UPDATE {schema}.seats x SET ends = now + {schema}.seconds(grace)
        WHERE x.topic = t AND x.member = m AND x.seat = s AND x.ends > now + {schema}.seconds(grace);
        PERFORM {schema}.drop_seats(n, t, now);
    END IF;
    RETURN NEXT;
END $$;

CREATE FUNCTION {schema}.sweep(n bigint, t bytea, fresh text, position_ttl float8) RETURNS TABLE (done boolean)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM {schema}.seats x WHERE x.topic = t AND x.ends <= clock_timestamp() LIMIT 1;
    done := FOUND;
    IF done THEN
        PERFORM {schema}.lock_topic(t, fresh, position_ttl);
        PERFORM {schema}.drop_seats(n, t, clock_timestamp());
    END IF;
    RETURN NEXT;
END $$;

CREATE FUNCTION {schema}.members_of(n bigint, t bytea) RETURNS TABLE (members bytea[]) LANGUAGE sql STABLE AS $$
    SELECT array_agg(DISTINCT x.member) FROM {schema}.seats x WHERE x.topic = t AND x.ends > clock_timestamp()
$$;

-- Shows whoever listens that it hears what another session says.
CREATE FUNCTION {schema}.echo(n bigint, c text) RETURNS TABLE (done boolean) LANGUAGE sql AS $$
    SELECT true FROM pg_notify(c, '')
$$;

-- One step of it; `more` says that another one is due. Waits for nobody, and so is never in a circle of those who wait.
CREATE FUNCTION {schema}.tidy(n bigint, every float8, idle float8) RETURNS TABLE (more boolean) LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := clock_timestamp();
    found_rows bigint;
    t bytea;
BEGIN
    more := false;
    PERFORM FROM {schema}.meta x WHERE x.tidied < now - {schema}.seconds(every) FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        DELETE FROM {schema}.log WHERE ctid = ANY (ARRAY(
            SELECT x.ctid FROM {schema}.log x WHERE x.expires <= now LIMIT {rows} FOR UPDATE SKIP LOCKED));
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        more := more OR found_rows = {rows};
        DELETE FROM {schema}.keys WHERE ctid = ANY (ARRAY(
            SELECT x.ctid FROM {schema}.keys x WHERE x.expires <= now LIMIT {rows} FOR UPDATE SKIP LOCKED));
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        more := more OR found_rows = {rows};
        found_rows := 0;
        FOR t IN
            SELECT x.topic FROM {schema}.topics x
            WHERE x.members > 0 AND EXISTS (
                SELECT FROM {schema}.seats y WHERE y.topic = x.topic AND y.ends <= now - {schema}.seconds(idle))
            LIMIT {rows} FOR UPDATE OF x SKIP LOCKED
        LOOP
            PERFORM {schema}.drop_seats(n, t, now);
            found_rows := found_rows + 1;
        END LOOP;
        more := more OR found_rows = {rows};
        DELETE FROM {schema}.topics WHERE ctid = ANY (ARRAY(
            SELECT x.ctid FROM {schema}.topics x WHERE x.expires <= now AND x.members = 0
            LIMIT {rows} FOR UPDATE SKIP LOCKED));
        GET DIAGNOSTICS found_rows = ROW_COUNT;
        more := more OR found_rows = {rows};
        UPDATE {schema}.meta SET tidied = CASE WHEN more THEN '-infinity' ELSE now END;
    END IF;
    RETURN NEXT;
END $$;

INSERT INTO {schema}.meta (version, tidied) VALUES ({version}, now());
""".replace("{part}", str(PART_BYTES))
    .replace("{rows}", str(TIDY_ROWS))
    .replace("{version}", str(VERSION))
)

"""
What Redis does in one atomic step, in Lua.

Keys of one topic share a hash tag, so that a step runs on one node of a Redis Cluster:

| key | holds |
|---|---|
| `apistar:{topic}:position` | a hash: `epoch`, and `offset` and `tag` of the newest publication |
| `apistar:{topic}:log` | a stream of the newest publications: `<offset>-0`, time, payload, tag, tag of the one before |
| `apistar:{topic}:once:<key>` | the position that a publication with this idempotency key has got |
| `apistar:{topic}:seats` | a sorted set: `<seat>:<member>` by the time when the seat ends, in ms |
| `apistar:{topic}:present` | a hash: how many seats each member has |

Processes are told over the pub/sub channel `apistar:{topic}`; `redis_messages.py` says how. Time is that of Redis, so
that processes need not agree on theirs.

Sources: Redis' documentation of EVAL and its script cache, of XADD, and of hash tags (cluster specification).
"""

from __future__ import annotations

import hashlib
from typing import Final


class Script:
    """
    One script.

    Attributes:
        text: Lua.
        sha: By which Redis calls it.
    """

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        SCRIPTS[self.sha] = self


SCRIPTS: Final[dict[str, Script]] = {}
"""By `sha`, for whoever must send the text to a Redis that does not know it."""

_NOW: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function whole(number) return string.format('%.0f', number) end
"""

_EPOCH: Final = """
-- A position that is new, or was lost, begins a new epoch: what the log may still hold belongs to another.
if redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1]) == 1 then redis.call('DEL', KEYS[2]) end
local epoch, tag = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'tag'))
tag = tag or ''
"""

_SWEEP: Final = """
local function sweep(channel)
    for _, place in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now))) do
        redis.call('ZREM', KEYS[1], place)
        local member = string.sub(place, string.find(place, ':', 1, true) + 1)
        if redis.call('HINCRBY', KEYS[2], member, -1) <= 0 then
            redis.call('HDEL', KEYS[2], member)
            redis.call('PUBLISH', channel, 'L' .. member)
        end
    end
end
"""

PUBLISH: Final = Script(
    _NOW
    + """
-- KEYS: position, log, once (or none); ARGV: epoch for a new one, channel, payload, size, ttl in ms, ttl of the
-- position in ms, ttl of the idempotency key in ms
if KEYS[3] then
    local known = redis.call('GET', KEYS[3])
    if known then return known end
end
"""
    + _EPOCH
    + """
local offset = whole(redis.call('HINCRBY', KEYS[1], 'offset', 1))
-- A Redis that comes back with older data, as a promoted replica may, gives this offset again, but not this tag. What
-- would be a new epoch is as random as a tag must be.
local before = tag
tag = string.sub(ARGV[1], 1, 8)
redis.call('HSET', KEYS[1], 'tag', tag)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], offset .. '-0', 't', whole(now), 'd', ARGV[3], 'g', tag, 'b', before)
redis.call('PEXPIRE', KEYS[2], ARGV[5])
local position = epoch .. ' ' .. offset .. ' ' .. tag
redis.call('PUBLISH', ARGV[2], 'H' .. position .. ' ' .. before .. '\\n' .. ARGV[3])
if KEYS[3] then redis.call('SET', KEYS[3], position, 'PX', ARGV[7]) end
return position
"""
)

PUBLISH_ONCE: Final = Script(
    """
-- Without history. KEYS: once; ARGV: channel, message, ttl of the idempotency key in ms
if redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[3]) then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return ''
"""
)

READ: Final = Script(
    _NOW
    + """
-- KEYS: position, log; ARGV: epoch for a new one, ttl of the position in ms, epoch and offset of the last one
-- seen, size, ttl in ms
"""
    + _EPOCH
    + """
local offset = tonumber(redis.call('HGET', KEYS[1], 'offset') or '0')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local found = {}
if ARGV[3] == epoch then
    local first = math.max(tonumber(ARGV[4]), offset - tonumber(ARGV[5])) + 1
    if first <= offset then
        for _, entry in ipairs(redis.call('XRANGE', KEYS[2], whole(first) .. '-0', '+')) do
            local field = entry[2]
            if tonumber(field[2]) + tonumber(ARGV[6]) > now then
                local place = epoch .. ' ' .. string.match(entry[1], '%d+') .. ' ' .. field[6]
                found[#found + 1] = {field[4], place, field[8]}
            end
        end
    end
end
return {epoch .. ' ' .. whole(offset) .. ' ' .. tag, found}
"""
)

ENTER: Final = Script(
    _NOW
    + _SWEEP
    + """
-- KEYS: seats, present; ARGV: channel, seat, ttl in ms, ttl of the keys in ms, how many members may be, member, …
sweep(ARGV[1])
local new, counted = 0, {}
for index = 6, #ARGV do
    local member = ARGV[index]
    if not counted[member] and redis.call('HEXISTS', KEYS[2], member) == 0 then new = new + 1 end
    counted[member] = true
end
if new > 0 and redis.call('HLEN', KEYS[2]) + new > tonumber(ARGV[5]) then return 0 end
for index = 6, #ARGV do
    local member = ARGV[index]
    if redis.call('ZADD', KEYS[1], whole(now + tonumber(ARGV[3])), ARGV[2] .. ':' .. member) == 1 then
        if redis.call('HINCRBY', KEYS[2], member, 1) == 1 then redis.call('PUBLISH', ARGV[1], 'J' .. member) end
    end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
"""
)

LEAVE: Final = Script(
    _NOW
    + _SWEEP
    + """
-- KEYS: seats, present; ARGV: channel, place, grace in ms
local ends = redis.call('ZSCORE', KEYS[1], ARGV[2])
if ends then
    local early = now + tonumber(ARGV[3])
    if early < tonumber(ends) then redis.call('ZADD', KEYS[1], 'XX', whole(early), ARGV[2]) end
    sweep(ARGV[1])
end
return 0
"""
)

SWEEP: Final = Script(
    _NOW
    + _SWEEP
    + """
-- KEYS: seats, present; ARGV: channel
sweep(ARGV[1])
return 0
"""
)

MEMBERS: Final = Script(
    _NOW
    + """
-- KEYS: seats
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. whole(now), '+inf')
"""
)

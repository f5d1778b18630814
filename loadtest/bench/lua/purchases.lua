-- Purchases for wrk: each buyer holds a ticket, pays for it from a wallet, and is told that it is paid. Arguments: file
-- with the buyers' access tokens, one a line; path of the reservations; ticket type. What is told on one connection is
-- gone on with on the next that is free, so all connections are always busy. Prints one line, RESULT {json}.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long s; long us; } turnstile_time;
  int gettimeofday(turnstile_time *time, void *zone);
]]
local clock = ffi.new("turnstile_time")

local WAIT_S = 10
local SPANS_MAX_MS = 20000
local threads = {}
local buyers, path, ticket_type, host = {}, "", "", ""
local asked, queue, first, last = 0, {}, 1, 0
local under_way = {}

function setup(thread) table.insert(threads, thread) end

local function now_ms()
  ffi.C.gettimeofday(clock, nil)
  return tonumber(clock.s) * 1000 + tonumber(clock.us) / 1000
end

local function whole(method, where, lines, body)
  return string.format("%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n%s", method, where, host, lines, #body, body)
end

local function hold()
  asked = asked + 1
  local buyer = asked % #buyers + 1
  local body = string.format(
    '{"lines":[{"ticket_type":"%s","quantity":1}],"customer":{"name":"Ada Lovelace","email":"b%d-%d-%d@example.org"}}',
    ticket_type, buyer, asked, math.floor(now_ms()))
  local lines = "Content-Type: application/json\r\nAuthorization: Bearer " .. buyers[buyer] .. "\r\n"
  begun[asked] = now_ms()
  return whole("POST", path, lines, body)
end

local function following(one)
  return string.format("Authorization: Bearer %s\r\nReservation-Token: %s\r\nPrefer: wait=%d\r\n",
    buyers[one.buyer], one.token, WAIT_S)
end

local function pay(one)
  return whole("POST", "/api/v1/reservations/" .. one.id .. "/payments",
    following(one) .. "Content-Type: application/json\r\n", '{"provider":"wallet"}')
end

local function look(one)
  return whole("GET", "/api/v1/payments/" .. one.payment, following(one), "")
end

local function held(body)
  local buyer, number = body:match('"email":%s*"b(%d+)%-(%d+)%-')
  local one = { id = body:match('"id":%s*"([^"]+)"'), token = body:match('"token":%s*"([^"]+)"'),
    buyer = tonumber(buyer), since = begun[tonumber(number)], ask = pay }
  begun[tonumber(number)] = nil
  under_way[one.id] = one
  last = last + 1
  queue[last] = one
end

local function told(body)
  local id, standing = body:match('"reservation_id":%s*"([^"]+)"'), body:match('"status":%s*"([^"]+)"')
  local one = under_way[id]
  if one == nil then return end
  if standing == "pending" then
    one.payment, one.ask = body:match('"id":%s*"([^"]+)"'), look
    looked = looked + 1
    last = last + 1
    queue[last] = one
    return
  end
  under_way[id] = nil
  if standing ~= "captured" then
    unpaid = unpaid + 1
    return
  end
  bought = bought + 1
  local span = math.min(math.floor(now_ms() - one.since), SPANS_MAX_MS)
  spans[span] = (spans[span] or 0) + 1
end

function request()
  local one = queue[first]
  if one == nil then return hold() end
  queue[first] = nil
  first = first + 1
  return one.ask(one)
end

function response(status, _, body)
  if status == 201 then held(body)
  elseif status == 200 or status == 202 then told(body)
  else
    refused = refused + 1
    said = said or (status .. " " .. body:sub(1, 200))
  end
end

function init(args)
  for line in io.lines(args[1]) do table.insert(buyers, line) end
  path, ticket_type, host = args[2], args[3], wrk.host .. ":" .. wrk.port
  begun, spans = {}, {}
  bought, unpaid, looked, refused, said = 0, 0, 0, 0, nil
end

local function percentile(counts, total, share)
  local seen = 0
  for span = 0, SPANS_MAX_MS do
    seen = seen + (counts[span] or 0)
    if seen >= total * share then return span end
  end
  return SPANS_MAX_MS
end

function done(summary, _, _)
  local thread = threads[1]
  local counts, total, e = thread:get("spans"), thread:get("bought"), summary.errors
  io.write(string.format(
    'RESULT {"duration_us":%d,"bought":%d,"unpaid":%d,"looked":%d,"refused":%d,"failed":%d,"p50_ms":%d,"p99_ms":%d}\n',
    summary.duration, total, thread:get("unpaid"), thread:get("looked"), thread:get("refused"),
    e.connect + e.read + e.write + e.timeout, percentile(counts, total, 0.5), percentile(counts, total, 0.99)))
  local first_refusal = thread:get("said")
  if first_refusal then io.write("refused: " .. first_refusal .. "\n") end
end

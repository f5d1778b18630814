-- Load for wrk. Arguments: mode ("hold", "seat", "keyed", "purchase", "read", "replay"), path (of the reservations; of what
-- is read; of the file with the requests to be sent in turn, with NUL between them), ticket type, seed. "seat" names one seat after the other, of section S with rows of ROW_SEATS.
-- Requests are made before the run wherever they can be, so that the generator costs as little as possible; only
-- "purchase" looks at the replies, because only it needs them. Prints one line, RESULT {json}, for wrk.py.

local CUSTOMERS = 5000
local SEATS, ROW_SEATS = 60000, 300
local threads = {}

function setup(thread)
  thread:set("thread_number", #threads + 1)
  table.insert(threads, thread)
end

local headers = { ["Content-Type"] = "application/json" }
local ready, next_one = {}, 0
local queue, first, last = {}, 1, 0

local function body_of(n, ticket_type)
  return string.format(
    '{"lines":[{"ticket_type":"%s","quantity":1}],"customer":{"name":"Ada Lovelace","email":"buyer-%06d@example.org"}}',
    ticket_type, n)
end

local function seat_body(n, ticket_type)
  local row, place = math.floor((n - 1) / ROW_SEATS) + 1, (n - 1) % ROW_SEATS + 1
  local seats = string.format('"quantity":1,"seats":["S/%d/%d"]', row, place)
  return (body_of(n, ticket_type):gsub('"quantity":1', seats))
end

local function prepared()
  next_one = next_one % #ready + 1
  return ready[next_one]
end

local function random_key()
  return string.format("%08x-%04x-4%03x-a%03x-%06x%06x", math.random(0, 0x7fffffff), math.random(0, 0xffff),
    math.random(0, 0xfff), math.random(0, 0xfff), math.random(0, 0xffffff), math.random(0, 0xffffff))
end

local function keyed()
  local halves = prepared()
  return halves[1] .. random_key() .. halves[2]
end

local function confirm_or_hold()
  if first > last then return prepared() end
  local held = queue[first]
  queue[first] = nil
  first = first + 1
  local with_token = { ["Content-Type"] = "application/json", ["Reservation-Token"] = held[2] }
  return wrk.format("POST", "/api/v1/reservations/" .. held[1] .. "/confirm", with_token, "")
end

local function remember(status, _, body)
  if status == 201 then
    created = created + 1
    last = last + 1
    queue[last] = { body:match('"id":%s*"([^"]+)"'), body:match('"token":%s*"([^"]+)"') }
  elseif status == 200 then
    confirmed = confirmed + 1
  end
end

function init(args)
  local mode, path, ticket_type = args[1], args[2], args[3]
  math.randomseed(tonumber(args[4]) + thread_number)
  created, confirmed = 0, 0
  if mode == "replay" then
    local file = assert(io.open(path, "rb"))
    for whole in file:read("*a"):gmatch("[^%z]+") do table.insert(ready, whole) end
    file:close()
  end
  for n = 1, (mode == "replay" and 0) or (mode == "seat" and SEATS) or CUSTOMERS do
    local text
    if mode == "read" then
      ready[n] = wrk.format("GET", path)
    elseif mode == "keyed" then
      local with_key = { ["Content-Type"] = "application/json", ["Idempotency-Key"] = "@@" }
      text = wrk.format("POST", path, with_key, body_of(n, ticket_type))
      local from, to = text:find("@@", 1, true)
      ready[n] = { text:sub(1, from - 1), text:sub(to + 1) }
    else
      ready[n] = wrk.format("POST", path, headers, (mode == "seat" and seat_body or body_of)(n, ticket_type))
    end
  end
  request = (mode == "keyed" and keyed) or (mode == "purchase" and confirm_or_hold) or prepared
  if mode == "purchase" then response = remember end
end

function done(summary, latency, _)
  local made, sold = 0, 0
  for _, thread in ipairs(threads) do
    made, sold = made + (thread:get("created") or 0), sold + (thread:get("confirmed") or 0)
  end
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,"refused":%d,"failed":%d,' ..
    '"created":%d,"confirmed":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, e.status,
    e.connect + e.read + e.write + e.timeout, made, sold))
end

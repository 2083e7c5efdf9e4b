-- For wrk: sends the request template of BENCH_REQUEST until BENCH_COUNT answers have come.
local wanted = tonumber(os.getenv("BENCH_COUNT"))
local file = assert(io.open(os.getenv("BENCH_REQUEST"), "rb"))
local template = file:read("*a")
file:close()

local sent, answered, pieces, count = 0, 0, {}, 0
for piece in (template .. "@number"):gmatch("(.-)@number") do
  count = count + 1
  pieces[count] = piece
end

function request()
  sent = sent + 1
  return table.concat(pieces, string.format("%07d", sent))
end

function response()
  answered = answered + 1
  if answered == wanted then
    io.stdout:write("enough\n")
    io.stdout:flush()
    wrk.thread:stop()
  end
end

function done(summary, latency)
  local e = summary.errors
  io.stdout:write(string.format(
    '{"requests": %d, "refused": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f}\n',
    summary.requests, e.status + e.timeout + e.connect + e.read + e.write,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end

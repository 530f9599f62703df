-- Asks for each hold of a file once, each thread for its own share, and for none a second time.
--
--   wrk … -s holds.lua URL -- FILE SECONDS THREADS CONNECTIONS
--
-- After SECONDS, or when the list is used up, a thread sends harmless requests instead. So at the end of the run
-- (which must be longer by a second) no hold is on its way any more, and the holds asked for can be compared
-- with what the server has. What was answered in time follows without looking at answers: each connection has
-- one request on its way at most, so of the holds asked for all but one per connection are answered.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua"
local shared = require("shared")
local ffi = require("ffi")
ffi.cdef [[
    typedef struct { long seconds; long nanoseconds; } timespec;
    int clock_gettime(int clock, timespec *now);
]]
local CLOCK_MONOTONIC = 1
local threads = {}
local timespec = ffi.new("timespec")

local function now()
    ffi.C.clock_gettime(CLOCK_MONOTONIC, timespec)
    return tonumber(timespec.seconds) + tonumber(timespec.nanoseconds) / 1e9
end

function setup(thread)
    thread:set("number", #threads)
    threads[#threads + 1] = thread
end

function init(args)
    local thread_count = tonumber(args[3])
    limit_s = tonumber(args[2])
    connections = tonumber(args[4]) / thread_count
    holds = shared.read_requests(args[1], number, thread_count)
    filler = shared.format("GET", "/livez", "")
    asked, started, ended = 0, nil, nil
    -- wrk calls the first thread's request() once on its own account, and sends nothing.
    tried = number ~= 0
end

function request()
    if not tried then
        tried = true
        return filler
    end
    if ended then return filler end
    local time = now()
    started = started or time
    if asked == #holds or time - started >= limit_s then
        ended = time
        return filler
    end
    asked = asked + 1
    return holds[asked]
end

function done(summary, _, _)
    local result = { asked = 0, answered = 0, seconds = 0 }
    for _, thread in ipairs(threads) do
        local asked, ended = thread:get("asked"), thread:get("ended")
        assert(ended, "the run ended before its holds did")
        result.asked = result.asked + asked
        result.answered = result.answered + asked - thread:get("connections")
        result.seconds = math.max(result.seconds, ended - thread:get("started"))
    end
    result.refused = summary.errors.status
    result.socket_errors = shared.socket_errors(summary.errors)
    shared.print_result(result)
end

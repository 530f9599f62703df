-- Sends the requests of a file round and round, from every thread.
--
--   wrk … -s replay.lua URL -- FILE [STATUS [TEXT]]
--
-- With STATUS every answer is looked at: its status must be this one and its body must contain TEXT. Looking
-- costs wrk time, so a run that measures speed leaves it out.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua"
local shared = require("shared")
local threads = {}

function setup(thread)
    threads[#threads + 1] = thread
end

function init(args)
    requests = shared.read_requests(args[1], 0, 1)
    sent, wrong = 0, 0
    if args[2] then look_at_answers(tonumber(args[2]), args[3] or "") end
end

function look_at_answers(expected, text)
    response = function(status, _, body)
        if status ~= expected or not body:find(text, 1, true) then wrong = wrong + 1 end
    end
end

function request()
    sent = sent + 1
    return requests[sent % #requests + 1]
end

function done(summary, _, _)
    local wrong_answers = 0
    for _, thread in ipairs(threads) do
        wrong_answers = wrong_answers + thread:get("wrong")
    end
    shared.print_result {
        requests = summary.requests,
        seconds = summary.duration / 1e6,
        bytes = summary.bytes,
        refused = summary.errors.status,
        wrong = wrong_answers,
        socket_errors = shared.socket_errors(summary.errors),
    }
end

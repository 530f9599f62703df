-- What the scripts share: reading the list of requests, and the result as one line of JSON.
local shared = {}

-- Reads lines of "METHOD PATH [BODY]" into ready requests; of several threads, each takes its own share.
function shared.read_requests(path, thread, threads)
    local requests, number = {}, 0
    for line in io.lines(path) do
        if number % threads == thread then
            requests[#requests + 1] = shared.format(line:match("^(%S+) (%S+) ?(.*)$"))
        end
        number = number + 1
    end
    return requests
end

function shared.format(method, path, body)
    local headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    if body == "" then return wrk.format(method, path, headers) end
    headers["Content-Type"] = "application/json"
    return wrk.format(method, path, headers, body)
end

function shared.socket_errors(errors)
    return errors.connect + errors.read + errors.write + errors.timeout
end

-- Prints numbers by name as the last line of the output.
function shared.print_result(figures)
    local members = {}
    for name, value in pairs(figures) do
        members[#members + 1] = string.format('"%s":%.6f', name, value)
    end
    print("{" .. table.concat(members, ",") .. "}")
end

return shared

-- Claims all seats (KEYS) for one owner (ARGV[1]) for ARGV[2] milliseconds, or none. 1 if they are the owner's now.
-- From ARGV[3] on: the version that each seat is to get. A claim for a lower version is over, whoever it was made by.
for i, seat in ipairs(KEYS) do
    local claim = redis.call('GET', seat)
    if claim then
        local version, owner = string.match(claim, '^(%d+):(%d+)$')
        if owner ~= ARGV[1] and not (version and tonumber(version) < tonumber(ARGV[i + 2])) then
            return 0
        end
    end
end
for i, seat in ipairs(KEYS) do
    redis.call('SET', seat, ARGV[i + 2] .. ':' .. ARGV[1], 'PX', ARGV[2])
end
return 1

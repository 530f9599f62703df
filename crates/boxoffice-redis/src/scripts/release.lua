-- Lets go of those seats (KEYS) that are the owner's (ARGV[1]), for whichever version.
for _, seat in ipairs(KEYS) do
    local claim = redis.call('GET', seat)
    if claim and string.match(claim, ':(%d+)$') == ARGV[1] then
        redis.call('DEL', seat)
    end
end
return 0

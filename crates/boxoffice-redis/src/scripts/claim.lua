-- Claims all seats (KEYS) for one owner (ARGV[1]) for ARGV[2] milliseconds, or none. 1 if they are the owner's now.
for _, seat in ipairs(KEYS) do
    local owner = redis.call('GET', seat)
    if owner and owner ~= ARGV[1] then
        return 0
    end
end
for _, seat in ipairs(KEYS) do
    redis.call('SET', seat, ARGV[1], 'PX', ARGV[2])
end
return 1

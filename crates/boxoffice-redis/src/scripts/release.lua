-- Lets go of those seats (KEYS) that are the owner's (ARGV[1]).
for _, seat in ipairs(KEYS) do
    if redis.call('GET', seat) == ARGV[1] then
        redis.call('DEL', seat)
    end
end
return 0

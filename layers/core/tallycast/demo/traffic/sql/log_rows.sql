-- One UTC day of one source, with what a server knows of each request.
SELECT
    requests.rowid AS line,
    make_timestamp(time_us) AS time,
    CASE WHEN networks.six
        THEN lower(concat(
            -- The household's /64, then what its device calls itself today.
            places.prefix6, ':', to_hex((hash(ip) >> 16) & 65535), ':', to_hex(hash(ip) & 65535),
            ':', to_hex((hash(agent_no * 1024 + time_us // 86400000000) >> 16) & 65535),
            ':ff:fe00:', to_hex(hash(agent_no * 1024 + time_us // 86400000000) & 65535)
        ))
        ELSE addresses.address END AS ip,
    method,
    episodes.media,
    status,
    CASE form
        WHEN 'closed' THEN concat('bytes=', lo_b, '-', hi_b - 1)
        WHEN 'open' THEN concat('bytes=', lo_b, '-')
        WHEN 'pair' THEN concat('bytes=', lo_b, '-', lo_b + (hi_b - lo_b) * 4 // 5 - 1, ',',
            lo_b + (hi_b - lo_b) * 4 // 5, '-', hi_b - 1)
        WHEN 'probe' THEN 'bytes=0-1'
        WHEN 'tail' THEN 'bytes=-128'
    END AS range,
    form,
    lo_b,
    hi_b,
    hi_b - lo_b AS bytes_sent,
    episodes.length AS total_bytes,
    agents.user_agent,
    CASE
        WHEN requests.who = 'bad_referrer' THEN bad.referrer
        WHEN requests.style IN ('web', 'preload') THEN good.referrer
    END AS referrer,
    CASE WHEN agents.family = 'AppleCoreMedia' THEN md5(concat('session:', sitting))::UUID END
        ::VARCHAR AS session,
    lower(hex(request)) AS request_id
FROM requests
INNER JOIN episodes USING (episode_no)
INNER JOIN places USING (place_no)
INNER JOIN networks USING (network_no)
INNER JOIN agents USING (agent_no)
INNER JOIN referrers AS good
    ON NOT good.bad AND good.slot = floor(draw(sitting, 'referrer') * 100)::BIGINT
INNER JOIN referrers AS bad
    ON bad.bad AND bad.slot = floor(draw(sitting, 'referrer') * 100)::BIGINT
LEFT JOIN addresses USING (ip)
WHERE time_us >= $from_us AND time_us < $past_us AND requests.prefix = $prefix
ORDER BY line

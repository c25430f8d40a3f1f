-- One UTC day's requests as REQUESTS rows. The table `requests` is in order of time, and so are
-- its row ids.
SELECT
    make_timestamp(time_us) AS time,
    CASE WHEN requests.prefix THEN 'prefix' ELSE 'log' END AS source,
    '$file_id' AS file_id,
    requests.rowid - $rows_before + 1 AS line,
    lower(hex(request)) AS request_id,
    episodes.show_id,
    episodes.media,
    '' AS part,
    method,
    status::SMALLINT AS status,
    CASE form
        WHEN 'closed' THEN lo_b WHEN 'open' THEN lo_b WHEN 'pair' THEN lo_b
        WHEN 'probe' THEN 0 WHEN 'tail' THEN -128
    END::BIGINT AS range_start,
    CASE form WHEN 'closed' THEN hi_b - 1 WHEN 'probe' THEN 1 WHEN 'pair' THEN
        lo_b + (hi_b - lo_b) * 4 // 5 - 1 END::BIGINT AS range_end,
    CASE WHEN form = 'pair' THEN concat(lo_b + (hi_b - lo_b) * 4 // 5, '-', hi_b - 1) END
        AS more_ranges,
    CASE WHEN NOT requests.prefix THEN hi_b - lo_b END::BIGINT AS bytes_sent,
    CASE WHEN NOT requests.prefix AND status IN (200, 206) THEN episodes.length END::BIGINT
        AS total_bytes,
    '$month' AS ip_key,
    md5(concat(getvariable('seed'), ':$month:', ip)) AS ip_hash,
    md5(concat(getvariable('seed'), ':$month_before:', ip)) AS ip_hash_previous,
    places.country,
    places.region,
    CASE networks.network
        WHEN 'cellular' THEN places.cell WHEN 'commercial' THEN places.office
        WHEN 'data_centre' THEN 16509 WHEN 'vpn' THEN 9009 WHEN 'relay' THEN 36183
        ELSE places.home
    END::INTEGER AS asn,
    networks.network,
    agents.user_agent,
    CASE
        WHEN requests.who = 'bad_referrer' THEN bad.referrer
        WHEN requests.style IN ('web', 'preload') THEN good.referrer
    END AS referrer,
    CASE WHEN agents.family = 'AppleCoreMedia' THEN md5(concat('session:', sitting))::UUID END
        ::VARCHAR AS session
FROM requests
INNER JOIN episodes USING (episode_no)
INNER JOIN places USING (place_no)
INNER JOIN networks USING (network_no)
INNER JOIN agents USING (agent_no)
INNER JOIN referrers AS good
    ON NOT good.bad AND good.slot = floor(draw(sitting, 'referrer') * 100)::BIGINT
INNER JOIN referrers AS bad
    ON bad.bad AND bad.slot = floor(draw(sitting, 'referrer') * 100)::BIGINT
WHERE requests.rowid >= $rows_before AND requests.rowid < $rows_before + $rows
ORDER BY line

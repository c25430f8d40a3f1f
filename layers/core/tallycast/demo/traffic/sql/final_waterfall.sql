SELECT
    CASE WHEN prefix THEN 'prefix' ELSE 'log' END AS source,
    show_id,
    episode_id,
    DATE '1970-01-01' + day::INTEGER AS dt,
    who,
    what,
    sum(requests)::BIGINT AS requests
FROM true_waterfall
INNER JOIN episodes USING (episode_no)
GROUP BY ALL
ORDER BY ALL

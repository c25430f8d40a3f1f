-- Per calendar (`show`: the show's own days, `utc`) and kind (`person`, `visible`).
SELECT
    calendar,
    kind,
    CASE WHEN prefix THEN 'prefix' ELSE 'log' END AS source,
    show_id,
    episode_id,
    DATE '1970-01-01' + day::INTEGER AS dt,
    sum(downloads)::BIGINT AS downloads
FROM true_downloads
INNER JOIN episodes USING (episode_no)
GROUP BY ALL
ORDER BY ALL

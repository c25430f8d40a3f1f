-- One day drilled down to its episodes: requests, what was counted, what was not.
WITH verdicts AS (
    SELECT show_id, episode_id, CAST(sum(requests) AS bigint) AS requests,
        CAST(sum(CASE WHEN rule = 'counted' THEN requests ELSE 0 END) AS bigint) AS counted
    FROM waterfall
    WHERE tenant = :tenant AND rules = :rules AND dt = :day
    GROUP BY show_id, episode_id
), heard AS (
    SELECT episode_id, count(*) AS downloads, count(DISTINCT listener) AS listeners
    FROM downloads
    WHERE tenant = :tenant AND rules = :rules AND dt = :day
    GROUP BY episode_id
)
SELECT v.show_id, v.episode_id, coalesce(h.downloads, 0) AS downloads,
    coalesce(h.listeners, 0) AS listeners, v.requests, v.requests - v.counted AS dropped
FROM verdicts v
LEFT JOIN heard h ON h.episode_id = v.episode_id
ORDER BY downloads DESC, v.episode_id

-- Why each request was no download: what the generator meant by it. `groups` are the visible
-- ones, by the shows' days.
INSERT INTO true_waterfall
WITH days AS (
    SELECT
        requests.*,
        (time_us + offsets.offset_us) // 86400000000 AS day,
        what IN ('audio', 'preload', 'tail') OR prefix AND what IN ('not_modified', 'error')
            AS asks
    FROM requests
    INNER JOIN offsets ON offsets.zone_no = show_zone AND offsets.slot = time_us // 900000000
)

SELECT
    episode_no,
    day,
    who,
    -- Noise that is delivered twice is noise twice.
    CASE WHEN replay AND asks AND who IN ('person', 'scraper') THEN 'replay'
        WHEN asks THEN 'audio' ELSE what END,
    count(*)
FROM days
WHERE replay OR who <> 'person' OR NOT asks
GROUP BY ALL
UNION ALL
SELECT episode_no, day, 'person', verdict, sum(number)
FROM (
    SELECT episode_no, day, 'download' AS verdict, 1 AS number FROM groups WHERE counted
    UNION ALL
    SELECT episode_no, day, 'repeat', requests - 1 FROM groups WHERE counted
    UNION ALL
    SELECT episode_no, day, 'preload', preloads FROM groups WHERE NOT counted
    UNION ALL
    SELECT episode_no, day, 'short', requests - preloads FROM groups WHERE NOT counted
)
WHERE number > 0
GROUP BY ALL;

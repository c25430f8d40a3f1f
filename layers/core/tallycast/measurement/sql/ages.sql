-- Downloads of a show's episodes within 1, 3, 7, 30 and 90 days of their release, and all. Only the
-- days asked for are looked at: ask from the release on.
SELECT episode_id,
    count(CASE WHEN age_seconds < 86400 THEN 1 END) AS within_1,
    count(CASE WHEN age_seconds < 3 * 86400 THEN 1 END) AS within_3,
    count(CASE WHEN age_seconds < 7 * 86400 THEN 1 END) AS within_7,
    count(CASE WHEN age_seconds < 30 * 86400 THEN 1 END) AS within_30,
    count(CASE WHEN age_seconds < 90 * 86400 THEN 1 END) AS within_90,
    count(*) AS all_time
FROM downloads
WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
    AND show_id = :show
GROUP BY episode_id
ORDER BY episode_id

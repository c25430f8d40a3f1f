-- The show's median beside them: after so many hours since release, half of the show's episodes
-- had at most so many downloads. Only episodes that are old enough are compared: those released
-- within the days asked for and at least :hours before the last one's end.
WITH heard AS (
    SELECT episode_id,
        CASE WHEN age_seconds < 0 THEN 0 ELSE CAST(floor(age_seconds / 3600.0) AS bigint) END
            AS hour_of_age,
        CAST(dt AS date) AS day
    FROM downloads
    WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
        AND show_id = :show AND age_seconds IS NOT NULL
), compared AS (
    SELECT episode_id
    FROM heard
    GROUP BY episode_id
    HAVING min(hour_of_age) < 24
        AND date_diff('day', min(day), CAST(:last AS date)) * 24 >= :hours
), hours AS (
    SELECT DISTINCT hour_of_age FROM heard WHERE hour_of_age < :hours
), by_hour AS (
    SELECT c.episode_id, h.hour_of_age, count(d.episode_id) AS downloads
    FROM compared c
    CROSS JOIN hours h
    LEFT JOIN heard d ON d.episode_id = c.episode_id AND d.hour_of_age = h.hour_of_age
    GROUP BY c.episode_id, h.hour_of_age
), curves AS (
    SELECT episode_id, hour_of_age,
        sum(downloads) OVER (
            PARTITION BY episode_id ORDER BY hour_of_age ROWS UNBOUNDED PRECEDING
        ) AS downloads
    FROM by_hour
), placed AS (
    SELECT hour_of_age, downloads,
        row_number() OVER (PARTITION BY hour_of_age ORDER BY downloads, episode_id) AS place,
        count(*) OVER (PARTITION BY hour_of_age) AS episodes
    FROM curves
)
SELECT hour_of_age, CAST(avg(downloads) AS double) AS median, max(episodes) AS episodes
FROM placed
WHERE place * 2 BETWEEN episodes AND episodes + 2
GROUP BY hour_of_age
ORDER BY hour_of_age

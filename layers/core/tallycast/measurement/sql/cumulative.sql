-- Downloads of episodes since their release, aligned on the hour of release: after so many hours,
-- so many downloads. Hours without downloads have no row; the curve is flat there.
WITH by_hour AS (
    SELECT episode_id,
        CASE WHEN age_seconds < 0 THEN 0 ELSE CAST(floor(age_seconds / 3600.0) AS bigint) END
            AS hour_of_age,
        count(*) AS downloads
    FROM downloads
    WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
        AND episode_id IN (:episodes) AND age_seconds IS NOT NULL
    GROUP BY episode_id,
        CASE WHEN age_seconds < 0 THEN 0 ELSE CAST(floor(age_seconds / 3600.0) AS bigint) END
)
SELECT episode_id, hour_of_age,
    sum(downloads) OVER (
        PARTITION BY episode_id ORDER BY hour_of_age ROWS UNBOUNDED PRECEDING
    ) AS downloads
FROM by_hour
WHERE hour_of_age < :hours
ORDER BY episode_id, hour_of_age

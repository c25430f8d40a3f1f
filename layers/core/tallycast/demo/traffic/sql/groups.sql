-- For each $unit, episode and day: was enough got, everything it asked for taken together?
-- Overlapping spans count once. Most groups are decided by their largest span or their sum alone.
CREATE OR REPLACE TEMP TABLE groups AS
WITH summed AS (
    SELECT
        $unit AS unit,
        episode_no,
        $day AS day,
        prefix,
        count(*) AS requests,
        count(*) FILTER (what = 'preload') AS preloads,
        max($hi - $lo) AS largest,
        sum($hi - $lo) AS total,
        any_value($need) AS need
    FROM asked
    WHERE $which
    GROUP BY ALL
),

unclear AS (
    SELECT unit AS whose, episode_no AS which_episode, day AS which_day
    FROM summed
    WHERE largest < need AND total >= need
),

ordered AS (
    SELECT
        whose AS unit,
        episode_no,
        which_day AS day,
        $lo AS lo,
        $hi AS hi,
        max($hi) OVER (
            PARTITION BY whose, episode_no, which_day ORDER BY $lo, $hi
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
    FROM asked
    INNER JOIN unclear
        ON whose = $unit AND which_episode = episode_no AND which_day = $day
    WHERE $which
),

covered AS (
    SELECT unit, episode_no, day, sum(greatest(0, hi - greatest(lo, coalesce(reached, lo)))) AS got
    FROM ordered
    GROUP BY ALL
)

SELECT
    summed.unit,
    summed.episode_no,
    summed.day,
    summed.prefix,
    summed.requests,
    summed.preloads,
    summed.largest >= summed.need OR coalesce(covered.got, 0) >= summed.need AS counted
FROM summed
LEFT JOIN covered USING (unit, episode_no, day);

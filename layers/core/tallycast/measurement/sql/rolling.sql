-- Downloads of a show over the last 7 and 30 days, beside the 7 and 30 days before those, on every
-- day with downloads. NULL where the period before had none.
-- lead: 59 days
WITH by_day AS (
    SELECT CAST(dt AS date) AS day, count(*) AS downloads
    FROM downloads
    WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :lead AND :last
        AND show_id = :show
    GROUP BY dt
), rolled AS (
    SELECT day,
        sum(downloads) OVER (
            ORDER BY day RANGE BETWEEN INTERVAL '6' DAY PRECEDING AND CURRENT ROW
        ) AS days_7,
        sum(downloads) OVER (
            ORDER BY day RANGE BETWEEN INTERVAL '13' DAY PRECEDING AND INTERVAL '7' DAY PRECEDING
        ) AS days_7_before,
        sum(downloads) OVER (
            ORDER BY day RANGE BETWEEN INTERVAL '29' DAY PRECEDING AND CURRENT ROW
        ) AS days_30,
        sum(downloads) OVER (
            ORDER BY day RANGE BETWEEN INTERVAL '59' DAY PRECEDING AND INTERVAL '30' DAY PRECEDING
        ) AS days_30_before
    FROM by_day
)
SELECT CAST(day AS varchar) AS dt, days_7, days_7_before, days_30, days_30_before
FROM rolled
WHERE day >= CAST(:first AS date)
ORDER BY day

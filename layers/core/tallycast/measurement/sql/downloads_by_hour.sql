-- Downloads of a show by day and local hour. On the day the clock goes back, two hours are one here.
SELECT dt, hour, count(*) AS downloads
FROM downloads
WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
    AND show_id = :show
GROUP BY dt, hour
ORDER BY dt, hour

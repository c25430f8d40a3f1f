-- Downloads of a show by weekday (1 is Monday) and local hour.
SELECT CAST(date_diff('day', DATE '2024-01-01', CAST(dt AS date)) % 7 + 1 AS bigint) AS weekday,
    hour, count(*) AS downloads
FROM downloads
WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
    AND show_id = :show
GROUP BY date_diff('day', DATE '2024-01-01', CAST(dt AS date)) % 7 + 1, hour
ORDER BY weekday, hour

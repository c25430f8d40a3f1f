-- Distinct listeners of a show by month. A listener has a new name when the monthly key changes, so a
-- period that reaches over a month's end counts some twice: the rollups tell by how many at most.
SELECT CAST(date_trunc('month', CAST(dt AS date)) AS date) AS month_begins,
    count(DISTINCT listener) AS listeners, count(*) AS downloads
FROM downloads
WHERE tenant = :tenant AND rules = :rules AND dt BETWEEN :first AND :last
    AND show_id = :show
GROUP BY CAST(date_trunc('month', CAST(dt AS date)) AS date)
ORDER BY month_begins
